{{/* Environment variables of the operator: one for each of its flags that is set. */}}
{{- define "operator.env" -}}
{{- with .Values.watchNamespaces }}
- name: WATCH_NAMESPACES
  value: {{ join "," . }}
{{- end }}
- name: POD_NAME
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      apiVersion: v1
      fieldPath: metadata.namespace
{{- $operator := .Values.operator -}}
{{- $bundle := "" -}}
{{- if or .Values.caBundle.configMap .Values.caBundle.secret -}}
{{- $bundle = printf "/etc/cloud-access-operator/ca/%s" .Values.caBundle.key -}}
{{- end -}}
{{- $variables := list
  (list "LEASE_NAME" (include "operator.fullname" .))
  (list "METRICS_ADDRESS" (printf "%s:%d" .Values.metrics.host (int .Values.metrics.port)))
  (list "LOG_FORMAT" $operator.logFormat)
  (list "RUST_LOG" $operator.logFilter)
  (list "ALLOW_ENDPOINTS" (join "," $operator.allowEndpoints))
  (list "CA_BUNDLE" $bundle)
  (list "DRIFT_INTERVAL" $operator.driftInterval)
  (list "IN_FLIGHT_WINDOW" $operator.inFlightWindow)
  (list "STALLED_AFTER" $operator.stalledAfter)
  (list "DEBOUNCE" $operator.debounce)
  (list "SECRET_INTERVAL" $operator.secretInterval)
  (list "WATCH_TIMEOUT" $operator.watchTimeout)
  (list "RESYNC_INTERVAL" $operator.resyncInterval)
  (list "LEASE_DURATION" $operator.leaseDuration)
  (list "HTTPS_PROXY" .Values.proxy.https)
  (list "NO_PROXY" .Values.proxy.noProxy)
-}}
{{- range $variables }}
{{- if last . }}
- name: {{ first . }}
  value: {{ last . | quote }}
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* How replicas are spread: as the values say, or over nodes and zones. */}}
{{- define "operator.spread" -}}
{{- $constraints := .Values.topologySpreadConstraints -}}
{{- if and (not $constraints) (gt (int .Values.replicaCount) 1) -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" -}}
{{- $constraints = append $constraints (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway"
  "matchLabelKeys" (list "pod-template-hash")) -}}
{{- end -}}
{{- end -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "operator.selector" . | fromYaml)) -}}
{{- $complete := list -}}
{{- range $constraints -}}
{{- $complete = append $complete (hasKey . "labelSelector" | ternary . (merge (dict) . $selector)) -}}
{{- end -}}
{{- with $complete }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "operator.volumes" -}}
{{- if and .Values.caBundle.configMap .Values.caBundle.secret -}}
{{- fail "caBundle: set configMap or secret, not both" -}}
{{- end -}}
{{- $volumes := .Values.extraVolumes -}}
{{- if .Values.caBundle.configMap -}}
{{- $volumes = append $volumes (dict "name" "ca-bundle" "configMap" (dict "name" .Values.caBundle.configMap)) -}}
{{- else if .Values.caBundle.secret -}}
{{- $volumes = append $volumes (dict "name" "ca-bundle" "secret" (dict "secretName" .Values.caBundle.secret)) -}}
{{- end -}}
{{- with $volumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

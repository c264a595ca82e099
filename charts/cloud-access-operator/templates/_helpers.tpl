{{/* The chart's name, unless the release is called by it. */}}
{{- define "operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What objects are called that belong to no namespace: releases of the same name can be in several namespaces. */}}
{{- define "operator.clusterName" -}}
{{- $name := include "operator.fullname" . -}}
{{- if eq .Release.Namespace "cloud-access-system" -}}
{{- $name -}}
{{- else -}}
{{- printf "%s-%s" .Release.Namespace $name -}}
{{- end -}}
{{- end -}}

{{- define "operator.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of an object: (list $ (dict "more" "labels")). */}}
{{- define "operator.labels" -}}
{{- $root := index . 0 -}}
{{- $own := dict "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
  "app.kubernetes.io/version" $root.Chart.AppVersion "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- $selector := include "operator.selector" $root | fromYaml -}}
{{- mustMergeOverwrite (dict) $root.Values.commonLabels (index . 1) $own $selector | toYaml -}}
{{- end -}}

{{- define "operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "operator.fullname" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "operator.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* Rights to what is in namespaces: (dict "accounts" (list …)), with the kinds of accounts that they are about. */}}
{{- define "operator.accountRules" -}}
{{- $status := list -}}
{{- range .accounts }}{{ $status = append $status (printf "%s/status" .) }}{{ end -}}
- apiGroups: [cloudaccess.dev]
  resources: {{ toJson .accounts }}
  verbs: [get, list, watch, patch]
- apiGroups: [cloudaccess.dev]
  resources: {{ toJson $status }}
  verbs: [patch]
{{- end -}}

{{- define "operator.accessRules" -}}
- apiGroups: [cloudaccess.dev]
  resources: [queuegrants, poolmemberships, workspacemembers, hpcusers]
  verbs: [get, list, watch, patch, release]
- apiGroups: [cloudaccess.dev]
  resources: [queuegrants/status, poolmemberships/status, workspacemembers/status, hpcusers/status]
  verbs: [patch]
{{- end -}}

{{- define "operator.subjects" -}}
subjects:
  - kind: ServiceAccount
    name: {{ include "operator.serviceAccountName" . }}
    namespace: {{ .Release.Namespace }}
{{- end -}}

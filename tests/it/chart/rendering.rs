//! What the chart renders, whatever the values.

use std::collections::BTreeSet;
use std::path::Path;

use clap::CommandFactory;
use cloud_access_operator::config::Command;
use serde_json::Value;

use super::{
    HELMS, NAMESPACE, OLDEST, RELEASE, by_identity, chart, helm, identity, of_values, rendered, told, value_sets,
};
use crate::docs::files_below;
use crate::manifests::documents;

#[test]
fn lint_finds_nothing() {
    let chart = chart();
    let chart = chart.to_str().unwrap();
    for program in HELMS {
        for values in value_sets() {
            let values = values.to_str().unwrap();
            let arguments = ["lint", "--strict", "--kube-version", OLDEST, "--values", values, chart];
            let linted = told(&helm(program, Path::new("/dev/null"), &arguments));
            assert!(linted.as_ref().is_ok_and(|text| !text.contains("[WARNING]")), "{program} {values}: {linted:?}");
        }
    }
}

#[test]
fn helm_3_and_helm_4_render_the_same() {
    for values in value_sets() {
        let options = ["--values", values.to_str().unwrap()];
        let [of_3, of_4] = HELMS.map(|program| by_identity(rendered(program, RELEASE, NAMESPACE, &options)));
        assert_eq!(of_3, of_4, "{}", values.display());
    }
}

#[test]
fn releases_get_into_each_others_way_nowhere() {
    let releases = [("access", "one"), ("access", "two"), ("other", "one"), (RELEASE, NAMESPACE), (RELEASE, "one")];
    let mut names = BTreeSet::new();
    for (release, namespace) in releases {
        let objects = rendered("helm3", release, namespace, &["--set", "crds.enabled=false,replicaCount=2"]);
        assert!(objects.len() > 10, "{}", objects.len());
        for object in objects {
            let identity = identity(&object);
            assert!(
                names.insert(identity.clone()),
                "{release} in {namespace} has the same {identity} as another release"
            );
        }
    }
}

#[test]
fn each_release_has_its_own_lease_and_its_policy_is_about_its_own_account() {
    let objects = by_identity(rendered("helm3", "access", "one", &["--set", "serviceAccount.name=identity"]));
    let name = "access-cloud-access-operator";
    let pod = &objects[&format!("Deployment one/{name}")]["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "identity");
    let lease =
        pod["containers"][0]["env"].as_array().unwrap().iter().find(|variable| variable["name"] == "LEASE_NAME");
    assert_eq!(lease.unwrap()["value"], name);
    let role = &objects[&format!("Role one/{name}")];
    assert_eq!(role["rules"][1]["resourceNames"], serde_json::json!([name]));
    let policy = &objects[&format!("ValidatingAdmissionPolicy /one-{name}")];
    let condition = &policy["spec"]["matchConditions"][0]["expression"];
    assert_eq!(condition, "request.userInfo.username == 'system:serviceaccount:one:identity'");
    for (identity, object) in &objects {
        if identity.ends_with(&format!("Binding /one-{name}")) && object["subjects"].is_array() {
            assert_eq!(object["subjects"][0]["name"], "identity");
        }
    }
}

/// What the roles of a release allow together, each right as group, resource and verb; and where each role is bound.
fn rights(set: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let objects = rendered("helm3", RELEASE, NAMESPACE, &["--set", &format!("rbac.aggregateToView=false,{set}")]);
    let (mut rights, mut bound) = (BTreeSet::new(), BTreeSet::new());
    let texts = |value: &Value| -> Vec<String> { serde_json::from_value(value.clone()).unwrap() };
    for object in objects.iter().filter(|object| object["apiVersion"] == "rbac.authorization.k8s.io/v1") {
        for rule in object["rules"].as_array().into_iter().flatten() {
            for resource in texts(&rule["resources"]) {
                let group = rule["apiGroups"][0].as_str().unwrap();
                rights.extend(texts(&rule["verbs"]).iter().map(|verb| format!("{group} {resource} {verb}")));
            }
        }
        if let Some(role) = object["roleRef"]["name"].as_str() {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or("all");
            bound.insert(format!("{role} in {namespace}"));
        }
    }
    (rights, bound)
}

#[test]
fn some_namespaces_take_the_same_rights_and_only_there() {
    let (all, everywhere) = rights("replicaCount=1");
    let own = "cloud-access-operator in cloud-access-system";
    let secrets = "cloud-access-operator-secrets in";
    assert_eq!(everywhere, [own, "cloud-access-operator in all"].map(str::to_owned).into());
    let (of_some, bound) = rights("watchNamespaces={team-data}");
    assert_eq!(of_some, all);
    let (of_team, of_own) = (format!("{secrets} team-data"), format!("{secrets} cloud-access-system"));
    let namespaced = "cloud-access-operator-namespaced in team-data";
    let both = [own, "cloud-access-operator in all", namespaced, &of_team, &of_own];
    assert_eq!(bound, both.map(str::to_owned).into());
    let (of_secrets, bound) = rights("rbac.secretNamespaces={team-data}");
    assert_eq!(of_secrets, all);
    assert_eq!(bound, [own, "cloud-access-operator in all", &of_team, &of_own].map(str::to_owned).into());
}

#[test]
fn with_some_namespaces_nothing_of_others_is_readable() {
    for set in ["watchNamespaces={team-data}", "watchNamespaces={team-data},rbac.secretNamespaces={team-hpc}"] {
        let objects = by_identity(rendered("helm3", RELEASE, NAMESPACE, &["--set", set]));
        let rules = objects["ClusterRole /cloud-access-operator"]["rules"].to_string();
        for resource in ["secrets", "\"cloudaccounts", "queuegrants", "hpcusers"] {
            assert!(!rules.contains(resource), "{set}: {resource} of all namespaces");
        }
    }
}

#[test]
fn a_cluster_that_is_too_old_is_refused() {
    for program in HELMS {
        let chart = chart();
        let arguments = ["template", RELEASE, chart.to_str().unwrap(), "--kube-version", "1.29.9"];
        let refused = told(&helm(program, Path::new("/dev/null"), &arguments)).unwrap_err();
        assert!(refused.contains("chart requires kubeVersion: >=1.30.0-0"), "{refused}");
    }
}

/// The variables of the operator's container, whatever the values.
fn variables() -> BTreeSet<String> {
    let deployments = value_sets().into_iter().flat_map(|values| of_values(&values));
    let deployments = deployments.filter(|object| object["kind"] == "Deployment");
    let variables = deployments.flat_map(|object| {
        let variables = &object["spec"]["template"]["spec"]["containers"][0]["env"];
        variables
            .as_array()
            .unwrap()
            .iter()
            .map(|variable| variable["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    });
    variables.collect()
}

#[test]
fn every_flag_of_the_operator_can_be_set() {
    let variables = variables();
    let command = Command::command();
    let flags: Vec<_> = command.get_arguments().filter_map(|flag| flag.get_env()?.to_str()).collect();
    assert!(flags.len() > 10, "{flags:?}");
    for flag in flags {
        assert!(variables.contains(flag), "no value of the chart sets {flag}");
    }
}

/// What only the Prometheus operator knows.
pub fn is_monitoring(object: &Value) -> bool {
    object["apiVersion"] == "monitoring.coreos.com/v1"
}

#[test]
fn what_the_prometheus_operator_reads_selects_the_service_and_has_rules() {
    let production = chart().join("ci/production-values.yaml");
    let objects = of_values(&production);
    let of_kind = |kind: &str| objects.iter().find(|object| object["kind"] == kind).unwrap();
    let (service, monitor, rule) = (of_kind("Service"), of_kind("ServiceMonitor"), of_kind("PrometheusRule"));
    for (label, value) in monitor["spec"]["selector"]["matchLabels"].as_object().unwrap() {
        assert_eq!(&service["metadata"]["labels"][label], value, "the ServiceMonitor selects another Service");
    }
    let endpoint = &monitor["spec"]["endpoints"][0];
    assert_eq!(endpoint["port"], service["spec"]["ports"][0]["name"]);
    assert_eq!(endpoint["honorLabels"], true, "the namespace of a metric would be the operator's");
    assert_eq!(monitor["spec"]["namespaceSelector"]["matchNames"][0], service["metadata"]["namespace"]);
    let groups = rule["spec"]["groups"].as_array().unwrap();
    assert_eq!(groups, documents(&chart().join("files/alerts.yaml"))[0]["groups"].as_array().unwrap());
    let dashboards = objects.iter().filter(|object| object["kind"] == "ConfigMap");
    let mut data = dashboards.filter_map(|object| object["data"][format!("{RELEASE}.json")].as_str());
    let dashboard: Value = serde_json::from_str(data.next().unwrap()).unwrap();
    let shipped = std::fs::read_to_string(chart().join("files/dashboard.json")).unwrap();
    assert_eq!(dashboard, serde_json::from_str::<Value>(&shipped).unwrap());
}

#[test]
fn every_template_renders_something_for_one_set_of_values() {
    let folder = chart().join("templates");
    for path in files_below(&folder, "yaml") {
        let name = path.strip_prefix(&folder).unwrap().to_str().unwrap();
        let source = format!("# Source: cloud-access-operator/templates/{name}");
        let renders = |values: &std::path::PathBuf| {
            let options = ["--values", values.to_str().unwrap()];
            super::template("helm3", RELEASE, NAMESPACE, &options).unwrap().contains(&source)
        };
        assert!(value_sets().iter().any(renders), "{name} renders nothing");
    }
}

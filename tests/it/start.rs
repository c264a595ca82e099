//! What stops a start, and what is said then.

use std::process::{Command, Stdio};

/// Starts the operator, which is to stop at once, and gives what it says.
fn refused(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-access-operator"));
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "ALLOW_ENDPOINTS", "CA_BUNDLE"] {
        command.env_remove(variable);
    }
    command.args(arguments).env("KUBECONFIG", "/nonexistent").envs(environment.iter().copied());
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(!output.status.success(), "{arguments:?} {environment:?}");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_ca_bundle_that_is_missing_empty_or_broken_stops_the_start() {
    let folder = std::env::temp_dir().join(format!("ca-bundle-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, content, said) in [
        ("missing.pem", None, "cannot be read: give the path of a file with certificates in PEM"),
        ("empty.pem", Some(""), "it holds no certificate: write those of your certificate authority in PEM"),
        ("key.pem", Some("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "it holds no certificate"),
        ("broken.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), "certificate 1 in it"),
    ] {
        let path = folder.join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).unwrap();
        }
        let path = path.to_str().unwrap();
        for words in [refused(&["--ca-bundle", path], &[]), refused(&[], &[("CA_BUNDLE", path)])] {
            assert!(words.contains(said) && words.contains(path), "{name}: {words}");
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_proxy_that_is_not_understood_stops_the_start_and_its_password_is_not_repeated() {
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let words = refused(&[], &[(variable, "socks5://robot:hunter2@proxy.example")]);
        assert!(words.contains("it is not the URL of a proxy: write http://host:port"), "{variable}: {words}");
        assert!(!words.contains("hunter2"), "{words}");
    }
}

#[test]
fn an_endpoint_that_is_not_understood_stops_the_start() {
    let words = refused(&["--allow-endpoint", "https://dli.private.example=10.0.0.1/8"], &[]);
    assert!(words.contains("write https://host=10.0.0.0/8, more ranges after a +"), "{words}");
    let words = refused(&[], &[("ALLOW_ENDPOINTS", "https://dli.private.example=10.0.0.0/8+fd00::/8,http://10.0.0.1")]);
    assert!(words.contains("is not encrypted"), "{words}");
}

//! The operator's own identities against the simulator: what a pod's token is exchanged for serves, is renewed, and is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use cloud_access_operator::clock::Clock;
use cloud_access_operator::clouds::alibaba::{self, Ehpc, Generation};
use cloud_access_operator::clouds::huawei::{self, Dli};
use cloud_access_operator::clouds::{CloudError, Environment, Keyring, Purpose, Urgency};
use futures::future::join_all;
use simulator::{QueueKind, Simulator};
use tokio::time::{advance, sleep};

use crate::in_process::InProcess;
use crate::world::in_virtual_time;

const CLUSTER: &str = "ehpc-hz-FYUr32abcd";
const MINUTE: Duration = Duration::from_mins(1);

/// A pod with a token, and both clouds.
struct Pod {
    clock: Clock,
    simulator: Simulator,
    keyring: Keyring,
    token_file: String,
}

impl Drop for Pod {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.token_file);
    }
}

impl Pod {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("pod-token-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let clock = Clock::virtual_from("2025-01-02T03:04:05Z".parse().unwrap());
        let clouds = clock.clone();
        let settings = simulator::Settings { clock: Arc::new(move || clouds.now()), ..simulator::Settings::default() };
        let pod = Self {
            clock,
            simulator: Simulator::new(settings),
            keyring: Keyring::default(),
            token_file: format!("{}/{name}", env!("CARGO_TARGET_TMPDIR")),
        };
        pod.simulator.create_queue("etl", QueueKind::Sql);
        pod.simulator.create_hpc_cluster(CLUSTER);
        pod.rotate("one");
        pod
    }

    /// The kubelet replaces the token, and the clouds take no other.
    fn rotate(&self, token: &str) {
        std::fs::write(&self.token_file, token).unwrap();
        self.simulator.set_pod_token(token);
    }

    fn environment(&self) -> Environment {
        let settings = simulator::Settings::default();
        Environment::of([
            ("HC_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
            ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", self.token_file.as_str()),
            ("ALIBABA_CLOUD_ROLE_ARN", settings.role_arn.as_str()),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", settings.oidc_provider_arn.as_str()),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", self.token_file.as_str()),
        ])
    }

    /// An account of each vendor that uses the pod's own identity there.
    fn accounts(&self) -> (Dli, Ehpc) {
        let transport = Arc::new(InProcess(self.simulator.router()));
        let identity = huawei::PodIdentity::from_environment(&self.environment()).unwrap();
        let settings = huawei::Settings {
            region: "cn-north-4".to_owned(),
            project_id: simulator::Settings::default().project_id,
            endpoints: huawei::Endpoints::default(),
            credentials: huawei::Credentials::PodIdentity(identity),
            requests_per_second: None,
        };
        let huawei = huawei::Session::new(settings, &self.keyring, transport.clone(), self.clock.clone()).unwrap();
        let settings = alibaba::Settings {
            region: "cn-hangzhou".to_owned(),
            endpoint: None,
            generation: Generation::V2018,
            credentials: alibaba::Credentials::Rrsa(alibaba::Rrsa::from_environment(&self.environment()).unwrap()),
            requests_per_second: None,
        };
        let alibaba = alibaba::Session::new(settings, &self.keyring, transport, self.clock.clone()).unwrap();
        (Dli::new(huawei), Ehpc::new(alibaba))
    }

    /// Exchanges so far, by service, and calls that were refused.
    fn told(&self) -> (usize, usize, usize) {
        let journal = self.simulator.journal_after(0);
        let count = |service: &str| journal.iter().filter(|entry| entry.service == service).count();
        let refused = journal.iter().filter(|entry| entry.status.is_some_and(|status| status != 200)).count();
        (count("cce"), count("sts"), refused)
    }
}

/// Lists of both vendors.
async fn look((dli, ehpc): &(Dli, Ehpc)) -> [Result<(), CloudError>; 2] {
    let purpose = |target: &str| Purpose::new(Urgency::Look, "team", target);
    let (etl, hpc) = (purpose("etl"), purpose(CLUSTER));
    let (queue, cluster) = tokio::join!(dli.users("etl", &etl), ehpc.users(CLUSTER, &hpc));
    [queue.map(drop), cluster.map(drop)]
}

fn good(results: &[Result<(), CloudError>]) -> bool {
    results.iter().all(Result::is_ok)
}

#[test]
fn one_exchange_of_each_serves_many_calls_of_many_accounts() {
    in_virtual_time(async {
        let pod = Pod::new();
        pod.simulator.set_switches(|switches| switches.latency_ms = 50);
        let accounts: Vec<_> = (0..5).map(|_| pod.accounts()).collect();
        let results = join_all(accounts.iter().flat_map(|account| (0..4).map(|_| look(account)))).await;
        assert!(results.iter().all(|results| good(results)), "{results:?}");
        assert_eq!(pod.told(), (1, 1, 0));
    });
}

#[test]
fn keys_are_renewed_before_they_end_with_the_token_that_is_in_the_file_then() {
    in_virtual_time(async {
        let pod = Pod::new();
        let account = pod.accounts();
        for minute in 0..=300 {
            // Each token is over when the next one is there.
            if minute % 50 == 40 {
                pod.rotate(&format!("at-{minute}"));
            }
            assert!(good(&look(&account).await), "in minute {minute}");
            sleep(MINUTE).await;
        }
        assert_eq!(pod.told(), (11, 11, 0), "one each half hour, and no call was ever refused");
    });
}

#[test]
fn keys_that_die_early_are_exchanged_anew() {
    in_virtual_time(async {
        let pod = Pod::new();
        let accounts = [pod.accounts(), pod.accounts()];
        for exchanges in 1..4 {
            for account in &accounts {
                assert!(good(&look(account).await));
            }
            assert_eq!(pod.told(), (exchanges, exchanges, 2 * (exchanges - 1)));
            assert_eq!(pod.simulator.revoke_issued_keys(), 2);
        }
    });
}

#[test]
fn a_token_that_is_refused_rests_until_there_is_another() {
    in_virtual_time(async {
        let pod = Pod::new();
        pod.simulator.set_pod_token("not this one");
        for _ in 0..29 {
            for result in look(&pod.accounts()).await {
                assert!(matches!(result, Err(CloudError::CredentialsRejected { .. })), "{result:?}");
            }
            advance(Duration::from_secs(1)).await;
        }
        assert_eq!(pod.told(), (1, 1, 2));
        pod.rotate("another");
        advance(Duration::from_secs(1)).await;
        assert!(good(&look(&pod.accounts()).await));
    });
}

#[test]
fn while_the_exchange_is_down_the_old_keys_serve_until_they_end() {
    in_virtual_time(async {
        let pod = Pod::new();
        let account = pod.accounts();
        assert!(good(&look(&account).await));
        for service in ["cce", "sts"] {
            let fault = serde_json::json!({"service": service, "times": null, "action": {"answer": {"status": 503}}});
            pod.simulator.add_fault(serde_json::from_value(fault).unwrap());
        }
        for minute in 0..59 {
            assert!(good(&look(&account).await), "in minute {minute}");
            sleep(MINUTE).await;
        }
        sleep(MINUTE).await;
        for result in look(&account).await {
            assert!(matches!(result, Err(CloudError::Unavailable { .. })), "{result:?}");
        }
        pod.simulator.clear_faults();
        assert!(good(&look(&account).await));
    });
}

#[test]
fn a_clock_that_is_off_ends_no_key_early_and_asks_for_none_too_often() {
    for minutes in [-180, -30, 30, 180] {
        in_virtual_time(async {
            let pod = Pod::new();
            pod.clock.set_by(jiff::SignedDuration::from_mins(minutes));
            let seconds = -60 * minutes;
            pod.simulator.set_switches(|switches| switches.clock_ahead_seconds = seconds);
            let account = pod.accounts();
            for minute in 0..29 {
                assert!(good(&look(&account).await), "in minute {minute}, {minutes} off");
                sleep(MINUTE).await;
            }
            let (cce, sts, refused) = pod.told();
            // A signature of Huawei's, an unsigned request of Alibaba's, and then both know the time.
            assert_eq!((cce, sts, refused), (1, 2, 2), "{minutes} off");
        });
    }
}

//! Golden exchanges: every call of the clients as it goes over the wire, in the files of `tests/wire/`.

mod language;

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex};

use bytes::Bytes;
use cloud_access_operator::clock::Clock;
use cloud_access_operator::clouds::alibaba::{self, Ehpc, Generation, HpcUsers, UserChange};
use cloud_access_operator::clouds::huawei::{
    self, Authorization, ClusterUsers, DataArts, Dli, Dws, Membership, Placement, QueueUsers, WorkspaceMembers,
};
use cloud_access_operator::clouds::{CloudError, Environment, Keyring, Purpose, Transport, TransportError, Urgency};
use futures::future::{BoxFuture, FutureExt as _};

use self::language::{Asked, Case, Message, parse};
use crate::world::in_virtual_time;

/// All that the clients do, in their words, and how its request is told from others.
const OPERATIONS: &[(&str, &[&str])] = &[
    ("list queue users", &["GET ", "/v1.0/", "/users?limit="]),
    ("list queues", &["GET ", "/queues?queue_type=all"]),
    ("grant queue privileges", &["PUT ", "/queues/user-authorization", r#""action":"grant""#]),
    ("revoke queue privileges", &["PUT ", "/queues/user-authorization", r#""action":"revoke""#]),
    ("update queue privileges", &["PUT ", "/queues/user-authorization", r#""action":"update""#]),
    ("list resource pools", &["GET ", "/workload/queues\n"]),
    ("show a resource pool", &["GET ", "/workload/queues/gold\n"]),
    ("list resource pool users", &["GET ", "/workload/queues/", "/users?limit="]),
    ("show workload management", &["GET ", "/workload\n"]),
    ("put users into a resource pool", &["POST ", "/users/batch-create\n"]),
    ("take users out of a resource pool", &["POST ", "/users/batch-delete\n"]),
    ("list workspace members", &["GET ", "https://dayu.", "/users?limit="]),
    ("list workspace roles", &["GET ", "/users/role?workspace_id="]),
    ("add workspace members", &["POST ", "https://dayu.", "/users\n"]),
    ("update a workspace member", &["PUT ", "https://dayu.", "/users/"]),
    ("remove workspace members", &["POST ", "/delete-users\n"]),
    ("look up an IAM user", &["GET ", "https://iam.", "/v3.0/OS-USER/users/"]),
    ("look up an IAM user group", &["GET ", "https://iam.", "/v3/groups/"]),
    ("fetch an IAM token", &["POST ", "https://iam.", "/v3/auth/tokens?nocatalog=1\n"]),
    ("exchange the pod identity", &["POST ", "/v1/credentials\n"]),
    ("assume the RAM role", &["POST ", "https://sts", "?Action=AssumeRoleWithOIDC&"]),
    ("list cluster users", &["GET ", ": ListUsers\n", V2018]),
    ("list cluster users", &["GET ", ": ListUsers\n", V2024]),
    ("look up the cluster", &["GET ", ": DescribeCluster\n", V2018]),
    ("look up the cluster", &["POST ", ": GetCluster\n", V2024]),
    ("delete cluster users", &["GET ", ": DeleteUsers\n", V2018]),
    ("delete cluster users", &["GET ", ": DeleteUsers\n", V2024]),
    ("change the group of cluster users", &["GET ", ": ModifyUserGroups\n", V2018]),
    ("change the group of cluster users", &["POST ", ": UpdateUser\n", V2024]),
    ("add cluster users", &["POST ", ": AddUsers\n", V2018]),
    ("add cluster users", &["GET ", ": AddUsers\n", V2018]),
    ("add cluster users", &["POST ", ": CreateUsers\n", V2024]),
    ("set the password of cluster users", &["POST ", ": ModifyUserPasswords\n", V2018]),
    ("set the password of cluster users", &["GET ", ": ModifyUserPasswords\n", V2018]),
    ("set the password of cluster users", &["POST ", ": UpdateUser\n", V2024]),
];
const V2018: &str = "x-acs-version: 2018-04-12\n";
const V2024: &str = "x-acs-version: 2024-07-30\n";

/// The other end of the wire: takes what is expected, and nothing else.
#[derive(Default)]
struct Wire(Mutex<VecDeque<(Message, Message)>>);

impl Transport for Wire {
    fn send(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Bytes>, TransportError>> {
        let sent = Message::sent(&request);
        let next = self.0.lock().unwrap().pop_front();
        let (expected, answer) = next.unwrap_or_else(|| panic!("sent, and nothing more is expected\n{sent}"));
        assert!(sent == expected, "sent\n{sent}\nexpected\n{expected}");
        async move { Ok(answer.to_response()) }.boxed()
    }
}

/// The clients of one account.
struct Clients {
    wire: Arc<Wire>,
    dli: Dli,
    dws: Dws,
    data_arts: DataArts,
    ehpc: Ehpc,
}

impl Clients {
    fn new(account: &str) -> Self {
        let (id, secret) = ("example-access-key-id".to_owned(), || "example-access-key-secret".into());
        let security_token = || account.ends_with("with a temporary key").then(|| "example-security-token".into());
        let clock = Clock::virtual_from("2025-01-02T03:04:05Z".parse().unwrap());
        let (wire, keyring) = (Arc::new(Wire::default()), Keyring::default());
        let credentials = if account.ends_with("with a password") {
            huawei::Credentials::Password {
                domain_name: "ei_dayu_y00321344_01".to_owned(),
                user_name: "access-operator".to_owned(),
                password: "example-password".into(),
            }
        } else if account.ends_with("with pod identity") {
            huawei::Credentials::PodIdentity(huawei::PodIdentity::from_environment(&environment()).unwrap())
        } else {
            huawei::Credentials::AccessKey { id: id.clone(), secret: secret(), security_token: security_token() }
        };
        let settings = huawei::Settings {
            region: "cn-north-4".to_owned(),
            project_id: "89cd04f168b84af6be287f71730fdb4b".to_owned(),
            endpoints: huawei::Endpoints::default(),
            credentials,
            requests_per_second: None,
        };
        let session = huawei::Session::new(settings, &keyring, wire.clone(), clock.clone()).unwrap();
        let version = account.split(' ').find_map(|word| word.parse().ok());
        let settings = alibaba::Settings {
            region: "cn-hangzhou".to_owned(),
            endpoint: None,
            generation: version.unwrap_or(Generation::V2024),
            credentials: if account.ends_with("with RRSA") {
                alibaba::Credentials::Rrsa(alibaba::Rrsa::from_environment(&environment()).unwrap())
            } else {
                alibaba::Credentials::AccessKey { id, secret: secret(), security_token: security_token() }
            },
            requests_per_second: None,
        };
        let ehpc = Ehpc::new(alibaba::Session::new(settings, &keyring, wire.clone(), clock).unwrap());
        let (dli, dws) = (Dli::new(session.clone()), Dws::new(session.clone()));
        Self { wire, dli, dws, data_arts: DataArts::new(session), ehpc }
    }

    /// Makes a call, and says what comes of it.
    async fn ask(&self, call: &str, changes: &[Asked]) -> Vec<String> {
        match call.split(' ').collect::<Vec<_>>()[..] {
            [service, _, "on", target] => self.change(service, target, changes).await.iter().map(told).collect(),
            [service, _, "of", target, ref named @ ..] => {
                let named = named.iter().skip(1).map(ToString::to_string).collect();
                self.list(service, target, &named).await.unwrap_or_else(|error| vec![error.to_string()])
            }
            _ => panic!("no call: {call}"),
        }
    }

    async fn list(&self, service: &str, target: &str, named: &BTreeSet<String>) -> Result<Vec<String>, CloudError> {
        let gone = || vec!["it is gone".to_owned()];
        Ok(match service {
            "dli" => match self.dli.users(target, &purpose()).await? {
                QueueUsers::Users(users) => {
                    users.iter().map(|user| row(&user.name, &user.privileges, user.admin)).collect()
                }
                QueueUsers::QueueGone => gone(),
            },
            "dws" => match self.dws.users(target, named, &purpose()).await? {
                ClusterUsers::Users { users, unknown_pools } => {
                    let unknown = unknown_pools.iter().map(|pool| format!("no pool {pool}"));
                    users.iter().map(|(user, pools)| row(user, pools, false)).chain(unknown).collect()
                }
                ClusterUsers::ClusterGone => gone(),
            },
            "data-arts" => match self.data_arts.members(target, &purpose()).await? {
                WorkspaceMembers::Members(members) => {
                    members.iter().map(|member| row(&member.id, &member.roles, member.owner)).collect()
                }
                WorkspaceMembers::WorkspaceGone => gone(),
            },
            "ehpc" => match self.ehpc.users(target, &purpose()).await? {
                HpcUsers::Users(users) => users.iter().map(|(user, group)| format!("{user}: {group}")).collect(),
                HpcUsers::ClusterGone => gone(),
            },
            _ => panic!("no service: {service}"),
        })
    }

    async fn change(&self, service: &str, target: &str, asked: &[Asked]) -> Vec<Result<(), CloudError>> {
        let asked = asked.iter().cloned();
        match service {
            "dli" => {
                let change = |Asked { principal: user, before, after, .. }| Authorization {
                    user,
                    before,
                    after,
                    purpose: purpose(),
                };
                self.dli.authorize(target, &asked.map(change).collect::<Vec<_>>()).await
            }
            "dws" => {
                let change = |Asked { principal: user, before, after, .. }| Placement {
                    user,
                    before,
                    after,
                    purpose: purpose(),
                };
                self.dws.place(target, &asked.map(change).collect::<Vec<_>>()).await
            }
            "data-arts" => {
                let change = |asked: Asked| Membership {
                    identity: asked.identity(),
                    id: asked.principal,
                    before: asked.before,
                    after: asked.after,
                    purpose: purpose(),
                };
                self.data_arts.change(target, &asked.map(change).collect::<Vec<_>>()).await
            }
            "ehpc" => {
                let change = |asked: Asked| UserChange {
                    password: asked.password().map(Into::into),
                    name: asked.principal,
                    before: asked.before.into_iter().next(),
                    after: asked.after.into_iter().next(),
                    purpose: purpose(),
                };
                self.ehpc.change(target, &asked.map(change).collect::<Vec<_>>()).await
            }
            _ => panic!("no service: {service}"),
        }
    }
}

/// What calls are for. Nothing of it goes over the wire.
fn purpose() -> Purpose {
    Purpose::new(Urgency::Change, "team", "target")
}

/// What a pod that may use the clouds' own identities finds in its environment.
fn environment() -> Environment {
    static FILE: LazyLock<String> = LazyLock::new(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("example-pod-token");
        std::fs::write(&path, "example-pod-token\n").unwrap();
        path.to_str().unwrap().to_owned()
    });
    Environment::of([
        ("HC_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1/credentials"),
        ("HC_CONTAINER_AUTHORIZATION_TOKEN_FILE", FILE.as_str()),
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::113511544585:role/access"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::113511544585:oidc-provider/ack-rrsa"),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", FILE.as_str()),
        ("ALIBABA_CLOUD_STS_REGION", "cn-hangzhou"),
        ("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", "true"),
    ])
}

/// `fixed`: an administrator's, or an owner's, which is never changed.
fn row(principal: &str, access: &BTreeSet<String>, fixed: bool) -> String {
    let access: Vec<&str> = access.iter().map(String::as_str).collect();
    format!("{principal}: {}{}", access.join(" "), if fixed { ", fixed" } else { "" })
}

fn told(result: &Result<(), CloudError>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) if error.fault().partly => format!("{error}, or done all the same"),
        Err(error) => error.to_string(),
    }
}

/// All files, by name.
fn files() -> Vec<(String, String)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wire");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    paths.iter().map(|path| (name(path), std::fs::read_to_string(path).unwrap())).collect()
}

/// Makes the calls of a file, in order.
async fn run(text: &str) {
    let mut clients = Clients::new("");
    for Case { account, fresh, call, changes, exchanges, results } in parse(text) {
        if fresh {
            clients = Clients::new(&account);
        }
        *clients.wire.0.lock().unwrap() = exchanges;
        let told = clients.ask(&call, &changes).await;
        assert!(told == results, "{call}\n{}\nexpected\n{}", told.join("\n"), results.join("\n"));
        let left = std::mem::take(&mut *clients.wire.0.lock().unwrap());
        assert!(left.is_empty(), "{call}\nnot sent\n{}", left[0].0);
    }
}

#[test]
fn every_call_goes_over_the_wire_as_its_file_says() {
    let failed = files().into_iter().filter(|(name, text)| {
        let run = || in_virtual_time(run(text));
        // A thread of its own, so that one that does not hold leaves the others running. A panic tells its name.
        let thread = std::thread::Builder::new().name(name.clone());
        std::thread::scope(|scope| thread.spawn_scoped(scope, run).unwrap().join().is_err())
    });
    let failed: Vec<_> = failed.map(|(name, _)| name).collect();
    assert!(failed.is_empty(), "these did not hold, as told above: {failed:?}");
}

#[test]
fn every_file_names_its_page_and_makes_a_call() {
    for (name, text) in files() {
        assert!(text.starts_with("# page: \""), "{name} names no page");
        let cases = parse(&text);
        assert!(cases.iter().any(|case| !case.exchanges.is_empty()), "{name} makes no call");
        assert!(cases.iter().all(|case| !case.account.is_empty()), "{name} has a call of no account");
    }
}

#[test]
fn whatever_the_clients_do_is_shown_and_so_is_what_they_say_when_it_is_refused() {
    let cases: Vec<Case> = files().iter().flat_map(|(_, text)| parse(text)).collect();
    let requests: Vec<String> =
        cases.iter().flat_map(|case| &case.exchanges).map(|(request, _)| request.to_string()).collect();
    let results: Vec<&String> = cases.iter().flat_map(|case| &case.results).collect();
    for (operation, parts) in OPERATIONS {
        let shown = |request: &String| parts.iter().all(|part| request.contains(part));
        assert!(requests.iter().any(shown), "no request to {operation}: {parts:?}");
        let refused = format!(": {operation}: ");
        assert!(results.iter().any(|result| result.contains(&refused)), "{operation} is never refused");
    }
}

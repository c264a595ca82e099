//! The language of scenarios: what happens, and what is expected then.
//!
//! A scenario is a text file. `#` starts a comment; every other line that is not indented is a step, and the indented
//! lines after it are its body.
//!
//! | step | meaning |
//! | --- | --- |
//! | `only pure: why` | at the top: runs in the pure world only |
//! | `settings NAME=DURATION …` | at the top: operator settings other than the scenarios' own |
//! | `namespace OTHER` | at the top: a second namespace, with the Secrets and accounts that the first has; a manifest names it as its own, all other steps write its objects `OTHER/NAME` |
//! | `cloud queue Q`, `cloud cluster C with POOL…`, `cloud workspace W`, `cloud hpc cluster H` | a target exists; in what follows, T |
//! | `cloud hpc cluster H of 2024` | one that only the API of 2024 sees |
//! | `cloud pool POOL on C`, `cloud no pool POOL on C` | a DWS cluster has a resource pool, or it is removed |
//! | `cloud no target T` | the target is removed |
//! | `cloud grant U S… on T`, `cloud revoke U S… on T` | somebody else does this, by hand: privileges, a pool, role ids, a group |
//! | `cloud administrator U on T` | the user becomes an administrator of the target |
//! | `cloud password U on H PASSWORD` | somebody else sets the password of an account, by hand |
//! | `cloud status H STATUS` | an E-HPC cluster is `running`, `stopped` … |
//! | `cloud unknown user U`, `cloud known user U` | no service knows the user, or all do again |
//! | `cloud switch NAME VALUE` | a position of the simulator's switch, such as `dws.busy` (see `simulator/README.md`) |
//! | `cloud fault JSON`, `cloud no faults` | a scripted fault of the simulator |
//! | `cloud revoke tokens` | every IAM token dies |
//! | `cloud key ID SECRET`, `cloud key ID SECRET TOKEN`, `cloud no key ID` | an access key of Huawei Cloud is valid, a temporary one, or no longer |
//! | `apply` + YAML | kubectl apply; apiVersion, namespace and accountRef may be left out |
//! | `apply account NAME SECRET` | a CloudAccount of Huawei Cloud that leads to the simulator, as `huawei` does from the start |
//! | `apply account NAME SECRET VERSION` | one of Alibaba Cloud with this `ehpcApiVersion`, as `alibaba` is from the start, with 2018-04-12 |
//! | `apply cluster account NAME SECRET` + YAML | a ClusterCloudAccount of Huawei Cloud that leads to the simulator, with a Secret of the operator's namespace, which has the Secrets that the scenario's own has; the body is the rest of its spec |
//! | `apply cluster account NAME with pod identity`, `apply cluster account NAME with rrsa` + YAML | one of Huawei Cloud, or of Alibaba Cloud, with the identity of the operator's own pod |
//! | `rotate pod token TOKEN` | the pod of the operator gets this token, or a blank one, and the clouds take no other; it has none at first, and learns at its start where one is |
//! | `label namespace KEY=VALUE… KEY-…`, `label namespace OTHER KEY=VALUE…` | labels of a namespace are set, or taken away |
//! | `patch KIND NAME` + YAML | kubectl patch, as a merge patch |
//! | `delete KIND NAME` | kubectl delete, without waiting |
//! | `delete namespace` | the scenario's own namespace is deleted, with all that is in it |
//! | `status KIND NAME` + YAML | somebody patches the status, as a merge patch: a restore from a backup does |
//! | `forget KIND NAME` | the object vanishes without the operator's doing, as when the cluster is lost: kill the operator first |
//! | `wait DURATION` | time passes (pure world only) |
//! | `release revocations of ACCOUNT` | somebody annotates the account with the id of the revocations that it holds back |
//! | `clock +DURATION`, `clock -DURATION` | somebody sets the clock of the operator's machine (pure world only) |
//! | `relabel KIND NAME` | from here on somebody changes a label of the object, ten times a second |
//! | `ask for looks at KIND NAME` | from here on somebody asks for a look at the object by its annotation, ten times a second |
//! | `hold watches`, `release watches` | watches are told nothing, or all that they missed (pure world only) |
//! | `objects cannot be read NAME…`, `objects can be read` | GETs of the operator fail, or no longer (pure world only) |
//! | `patches take DURATION` | each patch of the operator does (pure world only) |
//! | `objects refuse patches NAME…` | the operator's patches are refused, as by a policy (pure world only) |
//! | `without crds`, `with crds` | the API server knows no access objects, or does again (pure world only) |
//! | `without lists of RESOURCE…`, `with lists` | the operator may not list these, or may again (pure world only) |
//! | `kill operator`, `stop operator`, `start operator` | at once; by SIGTERM, waiting until it is gone; anew. It runs when the scenario starts |
//! | `somebody comes new` | the clouds are well, and an object with a queue of its own is soon Ready: ends every scenario in the pure world |
//! | `expect access T` + lines `U: S S` | the whole access list, but for the target's owner |
//! | `expect password U on H PASSWORD` | the password of an account |
//! | `expect NAME FIELD=VALUE …` | of an access object: `ready`, `reason`, `reconciling`, `stalled`, `held`, `owned`, `observed`, `finalizers`, `generation`, `expired` (`status.expiredAt`), `handled` (`status.lastHandledReconcileAt`), `current` (the status is of this generation), `secret` (`current` when the Secret is the one last set), and `message~TEXT` |
//! | `expect NAME gone`, `expect NAME there` | the object has left the API server, or has not |
//! | `expect account ACCOUNT FIELD=VALUE …` | as of an access object, and `claims` as `REASON:COUNT,…`, how many `rules` are told, and `expires=later` where its credentials end at some time |
//! | `expect account NAME gone`, `expect account NAME there` | the account has left the API server, or has not |
//! | `expect namespace gone` | the namespace has, once all that was in it had |
//! | `expect revocations held by ACCOUNT N` | so many revocations are listed as held back |
//! | `expect unmanaged by ACCOUNT` + lines `TARGET: N` | what `status.unmanaged` of the account says, in its order |
//! | `expect plan NAME` + lines | what `status.plan` says, line by line |
//! | `expect NAME never stalled` | the object's condition Stalled was True at no time so far; in the real world it is looked at now only |
//! | `expect event NAME REASON` | an event was published about the object |
//! | `expect metric NAME{label="value"} VALUE`, `expect metric NAME{label="value"} absent` | the running operator's metrics have just this line, or no such series; labels in the order of `docs/metrics.md` |
//! | `expect calls` + lines | all cloud calls since the last such step, in order; in the real world in any order, and without the reads |
//! | `expect at most N calls` | no more cloud calls, reads included, since the last `expect calls` or such step |
//! | `expect no call refused` | the clouds answered no call of the scenario with an error |
//! | `expect no write` | the cloud was not called but for reads since the last `expect calls` |
//! | `expect quiet DURATION` | for so long no cloud call but reads, and no Kubernetes write; in the real world two seconds, and writes to access objects only |
//! | `expect writes N` | Kubernetes writes of the operator, but for the statuses of accounts, since the last such step, or the last `expect quiet` (pure world only) |
//!
//! Objects in the operator's own namespace are written `operator/NAME`; a ClusterCloudAccount is written `cluster/NAME` where an
//! ACCOUNT is named. Its real name is another: an `accountRef` is adapted, messages are not.
//!
//! `@word` stands for an id of 32 characters: the word, filled up with zeros.
//!
//! At the end of every scenario, no value of a Secret that it applied, no token of the simulator and not the operator's own may
//! be found in an object, an event, the metrics or the log, which tells everything: see `canaries.rs`; and in the real world the
//! operator was refused nothing.

/// One step of a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub line: usize,
    pub words: Vec<String>,
    /// All that follows the first word, as it is written.
    pub rest: String,
    pub body: Vec<String>,
}

/// A scenario.
#[derive(Debug, Clone)]
pub struct Script {
    pub name: String,
    /// Runs in the real world too.
    pub real: bool,
    pub settings: Vec<(String, String)>,
    /// Namespaces besides the scenario's own.
    pub others: Vec<String>,
    pub steps: Vec<Step>,
}

impl Script {
    pub fn parse(name: &str, text: &str) -> Self {
        let (settings, others, steps) = (Vec::new(), Vec::new(), Vec::new());
        let mut script = Self { name: name.to_owned(), real: true, settings, others, steps };
        for (number, line) in text.lines().enumerate() {
            let content = with_ids(line.trim_end());
            let content = content.as_str();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            if let Some(body) = content.strip_prefix("  ") {
                let step = script.steps.last_mut().unwrap_or_else(|| panic!("{name}: a body before any step"));
                step.body.push(body.to_owned());
                continue;
            }
            let rest = content.split_once(' ').map_or("", |(_, rest)| rest).trim().to_owned();
            let words: Vec<_> = content.split_whitespace().map(str::to_owned).collect();
            match words[0].as_str() {
                "only" => script.real = false,
                "settings" => {
                    let pairs = words[1..].iter().map(|pair| pair.split_once('=').unwrap());
                    script.settings.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
                }
                "namespace" => script.others.push(rest),
                _ => script.steps.push(Step { line: number + 1, words, rest, body: Vec::new() }),
            }
        }
        script
    }
}

/// The line with every `@word` filled up to an id.
fn with_ids(line: &str) -> String {
    let mut parts = line.split('@');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(part.len());
        filled.extend([format!("{:0<32}{}", &part[..end], &part[end..])]);
    }
    filled
}

impl Step {
    /// The body as one text.
    pub fn text(&self) -> String {
        self.body.join("\n")
    }

    pub fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }
}

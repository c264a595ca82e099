//! The language of scenarios: what happens, and what is expected then.
//!
//! A scenario is a text file. `#` starts a comment; every other line that is not indented is a step, and the indented
//! lines after it are its body.
//!
//! | step | meaning |
//! | --- | --- |
//! | `only pure: why` | at the top: runs in the pure world only |
//! | `settings NAME=DURATION …` | at the top: operator settings other than the scenarios' own |
//! | `cloud queue Q`, `cloud no queue Q` | a queue exists, or is removed |
//! | `cloud grant U P… on Q`, `cloud revoke U P… on Q` | somebody else does this, by hand |
//! | `cloud administrator U on Q` | the user becomes an administrator of the queue |
//! | `cloud unknown user U`, `cloud known user U` | IAM does not know the user, or does again |
//! | `cloud switch NAME VALUE` | a position of the simulator's switch (see `simulator/README.md`) |
//! | `cloud fault JSON`, `cloud no faults` | a scripted fault of the simulator |
//! | `cloud revoke tokens` | every IAM token dies |
//! | `cloud key ID SECRET`, `cloud no key ID` | an access key is valid, or no longer |
//! | `apply` + YAML | kubectl apply; apiVersion, namespace and accountRef may be left out |
//! | `apply account NAME SECRET` | a CloudAccount that leads to the simulator, as `huawei` does from the start |
//! | `patch KIND NAME` + YAML | kubectl patch, as a merge patch |
//! | `delete KIND NAME` | kubectl delete, without waiting |
//! | `wait DURATION` | time passes (pure world only) |
//! | `relabel KIND NAME` | from here on somebody changes a label of the object, ten times a second |
//! | `hold watches`, `release watches` | watches are told nothing, or all that they missed (pure world only) |
//! | `objects cannot be read NAME…`, `objects can be read` | GETs of the operator fail, or no longer (pure world only) |
//! | `objects refuse patches NAME…` | the operator's patches are refused, as by a policy (pure world only) |
//! | `without crds`, `with crds` | the API server knows no access objects, or does again (pure world only) |
//! | `kill operator`, `stop operator`, `start operator` | at once; by SIGTERM, waiting until it is gone; anew. It runs when the scenario starts |
//! | `expect access Q` + lines `U: P P` | the whole access list, but for the queue's owner |
//! | `expect NAME FIELD=VALUE …` | of a QueueGrant: `ready`, `reason`, `reconciling`, `stalled`, `held`, `owned`, `observed`, `generation`, and `message~TEXT` |
//! | `expect NAME gone`, `expect NAME there` | the object has left the API server, or has not |
//! | `expect event NAME REASON` | an event was published about the object |
//! | `expect calls` + lines | all cloud calls since the last such step, in order; in the real world in any order, and without the lists |
//! | `expect no write` | the cloud was not called but for lists since the last `expect calls` |
//! | `expect quiet DURATION` | for so long no cloud call but lists, and no Kubernetes write; in the real world two seconds, and writes to QueueGrants only |
//! | `expect writes N` | Kubernetes writes of the operator since the last such step (pure world only) |

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
    pub steps: Vec<Step>,
}

impl Script {
    pub fn parse(name: &str, text: &str) -> Self {
        let mut script = Self { name: name.to_owned(), real: true, settings: Vec::new(), steps: Vec::new() };
        for (number, line) in text.lines().enumerate() {
            let content = line.trim_end();
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
                _ => script.steps.push(Step { line: number + 1, words, rest, body: Vec::new() }),
            }
        }
        script
    }
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

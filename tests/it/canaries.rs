//! Finds secrets in what others can read, however they are written there; and collects what the operator logs in this process.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use kube::api::ListParams;
use tracing::Dispatch;
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing_subscriber::filter::LevelFilter;

use crate::runner::Runner;

/// Fewer characters than this are found by chance.
const SHORTEST: usize = 8;

/// The value of a secret, in all the forms that it may show in.
pub struct Canary {
    forms: Vec<(&'static str, String)>,
}

impl Canary {
    pub fn new(secret: &str) -> Self {
        assert!(secret.len() >= SHORTEST, "a secret of {} characters cannot be told from chance", secret.len());
        let bytes = secret.as_bytes();
        let each = |write: &dyn Fn(u8) -> String| bytes.iter().map(|byte| write(*byte)).collect::<String>();
        let encoded = percent_encoding::utf8_percent_encode(secret, percent_encoding::NON_ALPHANUMERIC).to_string();
        let mut forms = vec![
            ("plain", secret.to_owned()),
            ("reversed", secret.chars().rev().collect()),
            ("escaped", secret.escape_debug().to_string()),
            ("hex", each(&|byte| format!("{byte:02x}"))),
            ("hex in upper case", each(&|byte| format!("{byte:02X}"))),
            ("percent-encoded", encoded.clone()),
            ("percent-encoded in lower case", lower_hex(&encoded)),
            ("percent-encoded throughout", each(&|byte| format!("%{byte:02X}"))),
            ("percent-encoded throughout in lower case", each(&|byte| format!("%{byte:02x}"))),
            ("a list of numbers", bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(",")),
        ];
        for before in 0..3 {
            let standard = base64_within(bytes, before);
            forms.push(("base64 for URLs", standard.replace('+', "-").replace('/', "_")));
            forms.push(("base64", standard));
        }
        Self { forms }
    }

    /// The form in which it shows in a text, if it does.
    pub fn shows_in(&self, haystack: &Haystack) -> Option<&'static str> {
        let shows =
            |(_, spelled): &&(_, String)| [&haystack.text, &haystack.dense].iter().any(|it| it.contains(spelled));
        self.forms.iter().find(shows).map(|(form, _)| *form)
    }
}

/// A text to look through.
pub struct Haystack {
    text: String,
    /// Without white space: base64 is broken into lines, and a list of numbers has blanks or is one to a line.
    dense: String,
}

impl From<String> for Haystack {
    fn from(text: String) -> Self {
        Self { dense: text.chars().filter(|char| !char.is_whitespace()).collect(), text }
    }
}

/// `%2F` as `%2f`.
fn lower_hex(encoded: &str) -> String {
    let mut parts = encoded.split('%');
    let mut lower = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // Writing to a String cannot fail.
        let _ = write!(lower, "%{}{}", part[..2].to_lowercase(), &part[2..]);
    }
    lower
}

/// What base64 makes of these bytes after so many others, without what the neighbours have a part in.
fn base64_within(bytes: &[u8], before: usize) -> String {
    let padded = [vec![0; before], bytes.to_vec()].concat();
    let encoded = serde_json::to_value(k8s_openapi::ByteString(padded)).unwrap();
    let (first, last) = ((8 * before).div_ceil(6), 8 * (before + bytes.len()) / 6);
    encoded.as_str().unwrap()[first..last].to_owned()
}

/// Never logs. With one subscriber alone, tracing asks the thread that comes by a line first, whether any thread wants it.
static NOBODY: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// What is logged on this thread, at every level.
#[derive(Clone, Default)]
pub struct Collected(Arc<Mutex<Vec<u8>>>);

impl Collected {
    /// Collects for as long as the guard lives.
    pub fn begin() -> (Self, DefaultGuard) {
        LazyLock::force(&NOBODY);
        let collected = Self::default();
        let writer = collected.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(LevelFilter::TRACE)
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        (collected, tracing::subscriber::set_default(subscriber))
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Collected {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Runner {
    /// Looks for secrets wherever somebody else might read them.
    pub(crate) async fn no_secret_leaked(&self, metrics: String) -> Result<(), String> {
        let mut places = vec![("the metrics".to_owned(), metrics)];
        let beside = |kind| self.world.namespaces().into_iter().map(move |namespace| (kind, namespace));
        let of_cluster = [("ClusterCloudAccount", String::new()), ("Event", "default".to_owned())];
        let all = self.everywhere().chain(beside("CloudAccount")).chain(beside("Event")).chain(of_cluster);
        for (kind, namespace) in all {
            for object in self.api(kind, &namespace).list(&ListParams::default()).await.unwrap() {
                places.push((format!("{kind} {:?}", object.metadata.name), serde_json::to_string(&object).unwrap()));
            }
        }
        if let Some(log) = self.world.log() {
            if !log.contains("TRACE") {
                return Err("the log does not tell everything".to_owned());
            }
            places.push(("the log".to_owned(), log));
        }
        let secrets = self.secrets.iter().cloned().chain(self.world.simulator.tokens()).chain(self.world.token());
        let canaries: Vec<_> = secrets.collect::<BTreeSet<_>>().iter().map(|secret| Canary::new(secret)).collect();
        for (place, text) in places {
            let haystack = Haystack::from(text);
            if let Some(form) = canaries.iter().find_map(|canary| canary.shows_in(&haystack)) {
                return Err(format!("a secret shows in {place}, as {form}"));
            }
        }
        Ok(())
    }
}

mod tests {
    use super::*;

    const SECRET: &str = "p~ss/W0rd+\"sé>?";

    fn found(text: &str) -> Option<&'static str> {
        Canary::new(SECRET).shows_in(&Haystack::from(format!("before {text} after")))
    }

    fn base64(bytes: &[u8]) -> String {
        serde_json::to_value(k8s_openapi::ByteString(bytes.to_vec())).unwrap().as_str().unwrap().to_owned()
    }

    #[test]
    fn a_secret_is_found_in_each_form() {
        let bytes = SECRET.as_bytes();
        assert_eq!(found(SECRET), Some("plain"));
        assert_eq!(found(&format!("{SECRET:?}")), Some("escaped"));
        assert_eq!(found(&serde_json::to_string(SECRET).unwrap()), Some("escaped"));
        assert_eq!(found("?>és\"+dr0W/ss~p"), Some("reversed"));
        assert_eq!(found("707e73732f573072642b2273c3a93e3f"), Some("hex"));
        assert_eq!(found("707E73732F573072642B2273C3A93E3F"), Some("hex in upper case"));
        assert_eq!(found("p%7Ess%2FW0rd%2B%22s%C3%A9%3E%3F"), Some("percent-encoded"));
        assert_eq!(found("p%7ess%2fW0rd%2b%22s%c3%a9%3e%3f"), Some("percent-encoded in lower case"));
        let throughout = "%70%7E%73%73%2F%57%30%72%64%2B%22%73%C3%A9%3E%3F";
        assert_eq!(found(throughout), Some("percent-encoded throughout"));
        assert_eq!(found(&throughout.to_lowercase()), Some("percent-encoded throughout in lower case"));
        for debug in [format!("{bytes:?}"), format!("{bytes:#?}"), format!("{bytes:?}").replace(' ', "")] {
            assert_eq!(found(&debug), Some("a list of numbers"), "{debug}");
        }
    }

    #[test]
    fn a_secret_is_found_in_base64_at_any_place() {
        for before in 0..7 {
            for after in 0..4 {
                let text =
                    base64(&[&b"user:xyz"[..before], SECRET.as_bytes(), &b"\n\xff\x00"[..after.min(3)]].concat());
                assert_eq!(found(&text), Some("base64"), "{before} {after}");
                let for_urls = text.replace('+', "-").replace('/', "_");
                assert_eq!(found(for_urls.trim_end_matches('=')), Some("base64 for URLs"), "{before} {after}");
                let (head, tail) = text.split_at(9);
                assert_eq!(found(&format!("{head}\n  {tail}")), Some("base64"), "{before} {after}");
            }
        }
    }

    #[test]
    fn what_is_no_secret_is_not_found() {
        for text in ["", "p~ss/W0rd", "p?ss/W0rd+\"se>?", "707e73732f573072642b22", "112, 126, 115, 115, 47, 87"] {
            assert_eq!(found(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_logged_is_collected() {
        let (collected, guard) = Collected::begin();
        tracing::trace!(target: "some_library", "of little interest");
        drop(guard);
        tracing::error!("of interest");
        let text = collected.text();
        assert!(text.contains("of little interest") && !text.contains("error"), "{text}");
    }
}

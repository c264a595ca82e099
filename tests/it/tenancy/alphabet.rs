//! What objects and rules of random worlds are made of: few texts that differ by little, so that near misses are frequent.

use crate::histories::random::Random;

/// One kind of object, and what its objects may name.
pub struct Kind {
    pub name: &'static str,
    /// The field of the target.
    pub field: &'static str,
    /// Those that are there.
    pub targets: &'static [&'static str],
    /// Those that no cloud has.
    pub no_targets: &'static [&'static str],
    pub users: &'static [&'static str],
    /// Those that the service refuses.
    pub no_users: &'static [&'static str],
    pub access: &'static [&'static str],
    /// What no target knows.
    pub no_access: &'static [&'static str],
    /// Several objects on one user add up.
    pub adds_up: bool,
}

/// The users that several objects may be about, and whom others may have granted something before: the first of each kind.
pub const SHARED: usize = 3;

pub static KINDS: [Kind; 4] = [
    Kind {
        name: "QueueGrant",
        field: "queueName",
        targets: &["etl", "etl_2", "jobs"],
        no_targets: &[
            "",
            " etl",
            "etl ",
            "et",
            "étl",
            "e\u{301}tl",
            "ｅtl",
            "etl/..",
            "../etl",
            "..",
            "etl%2fx",
            "etl\\x",
            "e.l",
            "[e]tl",
            "*",
            "etl*",
            "etl?",
            "et?",
            "jobs/x",
        ],
        users: &[
            "dev-a",
            "dev-b",
            "ops",
            "dev-",
            "dev",
            "dev-ab",
            "xdev-a",
            "ddev-a",
            "dev-a ",
            " dev-a",
            "dev a",
            "dev-é",
            "dev-e\u{301}",
            "DEV-ß",
            "dev-ss",
            "dev-ı",
            "dev-i",
            "Dev-Ü",
            "dev-ａ",
            "ｄev-a",
            "dev/a",
            "dev/../a",
            "..",
            "/",
            "dev%2fa",
            "dev\\a",
            "\\",
            "dev.a",
            "devxa",
            "[d]ev",
            "d",
            "*",
            "?",
            "dev-*",
            "dev-?",
            "de*",
            "日本",
            "日",
            "🦀",
            " ",
        ],
        no_users: &[""],
        access: &["SUBMIT_JOB", "CANCEL_JOB", "RESTART"],
        no_access: &[],
        adds_up: true,
    },
    Kind {
        name: "PoolMembership",
        field: "clusterId",
        targets: &["e59d6b86-9072-46eb-a996-13f8b44994c1", "e59d6b86-9072-46eb-a996-13f8b44994c2"],
        no_targets: &["e59d6b86-9072-46eb-a996-13f8b44994c3", "e59d6b86", "", "*", "..", "e59d6b86/.."],
        users: &[
            "dev-a",
            "dev-b",
            "ops",
            "dev",
            "dev-ab",
            "xdev-a",
            "dev-a ",
            "dev-é",
            "dev-e\u{301}",
            "DEV-ß",
            "dev.a",
            "dev/a",
            "..",
            "dev\\a",
            "dev%2fa",
            "*",
            "?",
            "dev-*",
            "日本",
            "Ops-1",
        ],
        no_users: &[""],
        access: &["gold", "tin", "iron"],
        no_access: &["Gold", "gold ", "*", "g*", "g?ld", "göld", "go", "gold/..", "tin%2f", ""],
        adds_up: false,
    },
    Kind {
        name: "WorkspaceMember",
        field: "workspaceId",
        targets: &["studio00000000000000000000000000", "studio10000000000000000000000000"],
        no_targets: &["studio20000000000000000000000000", "studio", "Studio00000000000000000000000000", "", "..", "*"],
        users: &[
            "deva0000000000000000000000000000",
            "devb0000000000000000000000000000",
            "ops00000000000000000000000000000",
            "deva0000000000000000000000000001",
            "xdeva000000000000000000000000000",
            "dev00000000000000000000000000000",
            "devab000000000000000000000000000",
            "opsa0000000000000000000000000000",
            "opsb0000000000000000000000000000",
        ],
        no_users: &["Deva0000000000000000000000000002", "deva", "dév00000000000000000000000000000", "", "..", "*"],
        access: &["r00001", "Viewer", "r00004", "Developer", "2b6ce3c35b1d4e6fa3c9d7a10f8e4b52"],
        no_access: &["viewer", "R00004", "Viewer ", "r0000*", "r0000?", "r00009", "*"],
        adds_up: true,
    },
    Kind {
        name: "HpcUser",
        field: "clusterId",
        targets: &["ehpc-hz-first", "ehpc-hz-second"],
        no_targets: &["ehpc-hz-firs", "ehpc-hz-third", "EHPC-hz-first", "", "*", ".."],
        users: &[
            "devann", "devbob", "opscarl", "devanna", "xdevann", "dev.ann", "devxann", "Devone", "DEVTWO", "devanno",
            "opsann",
        ],
        no_users: &["dev", "dev-ann1", "dévann1", "devann1 ", "dev*nn1", "", "1devann"],
        access: &["users", "wheel"],
        no_access: &[],
        adds_up: false,
    },
];

/// What rules may say of namespaces, which are called `team`, `team-a` and `team-b`.
pub const NAMESPACES: [&str; 9] = ["*", "team", "team-a", "team-*", "team-?", "team*", "?eam-b", "tea", "team?"];

/// How long access may last.
pub const LONGEST: [(&str, i64); 5] = [("20s", 20), ("90s", 90), ("5m", 300), ("10m", 600), ("1h", 3600)];

/// A pattern that stands for this text, or almost.
pub fn blurred(random: &mut Random, text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let (from, to) = (random.index(chars.len() + 1), random.index(chars.len() + 1));
    let (from, to) = (from.min(to), from.max(to));
    let part = |chars: &[char]| chars.iter().collect::<String>();
    let (before, behind) = (part(&chars[..from]), part(&chars[to..]));
    let after = chars.iter().skip(from + 1).collect::<String>();
    match random.below(16) {
        0..5 => text.to_owned(),
        5 => format!("{before}*"),
        6 => format!("*{behind}"),
        7 | 8 => format!("{before}*{behind}"),
        9 | 10 => format!("{before}?{after}"),
        11 => format!("{text}?"),
        12 => before,
        13 => text.to_uppercase(),
        14 => random.pick(&[format!("{text} "), format!(" {text}"), text.to_lowercase()].each_ref()).clone(),
        _ => "*".to_owned(),
    }
}

//! The admin API over its paths.

use serde_json::{Value, json};

use crate::harness::{Cloud, PROJECT};

#[tokio::test(start_paused = true)]
async fn health_is_told() {
    let reply = Cloud::new().admin("GET", "/health", "").await;
    assert_eq!((reply.status, reply.json()), (200, json!({"status": "ok"})));
}

#[tokio::test(start_paused = true)]
async fn queues_are_made_listed_and_removed() {
    let cloud = Cloud::new();
    assert_eq!(cloud.admin("PUT", "/dli/queues/Spark?type=general", "").await.status, 201);
    assert_eq!(cloud.admin("PUT", "/dli/queues/spark", "").await.status, 204);
    assert_eq!(cloud.admin("GET", "/dli/queues", "").await.json(), json!({"queue1": "sql", "spark": "general"}));
    assert_eq!(cloud.admin("DELETE", "/targets/spark", "").await.status, 204);
    assert_eq!(cloud.admin("DELETE", "/targets/spark", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn the_truth_about_users_is_read_and_edited() {
    let cloud = Cloud::new();
    let users = "/targets/queue1/users";
    let put = async |user: &str, body: &str| cloud.admin("PUT", &format!("{users}/{user}"), body).await.status;
    assert_eq!(put("bob", r#"["SUBMIT_JOB", "RESTART"]"#).await, 204);
    assert_eq!(put("alice", r#"["SUBMIT_JOB"]"#).await, 204);
    assert_eq!(put("boss?admin=true", "").await, 204);
    assert_eq!(put("carl", "SUBMIT_JOB").await, 400);
    let grant = cloud.admin("POST", &format!("{users}/alice"), r#"["DROP_QUEUE"]"#).await;
    assert_eq!(grant.status, 204);
    let truth = cloud.admin("GET", users, "").await;
    let expected = r#"{"alice":["DROP_QUEUE","SUBMIT_JOB"],"bob":["RESTART","SUBMIT_JOB"],"boss":["ALL"]}"#;
    assert_eq!(truth.text, expected);
    assert_eq!(cloud.admin("DELETE", &format!("{users}/boss"), "").await.status, 204);
    assert_eq!(put("alice", "[]").await, 204);
    assert_eq!(cloud.admin("GET", users, "").await.json(), json!({"bob": ["RESTART", "SUBMIT_JOB"]}));
    let many = cloud.admin("PATCH", users, r#"{"alice": ["SUBMIT_JOB"], "carl": ["RESTART"]}"#).await;
    assert_eq!(many.status, 204);
    let truth = json!({"alice": ["SUBMIT_JOB"], "bob": ["RESTART", "SUBMIT_JOB"], "carl": ["RESTART"]});
    assert_eq!(cloud.admin("GET", users, "").await.json(), truth, "the others stay");
    assert_eq!(cloud.admin("PATCH", "/targets/gone/users", r#"{"alice": []}"#).await.status, 404);
    for (method, path) in [("GET", ""), ("PUT", "/a?admin=true"), ("DELETE", "/a")] {
        let reply = cloud.admin(method, &format!("/targets/gone/users{path}"), "").await;
        assert_eq!(reply.status, 404, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn clusters_pools_and_workspaces_are_made_and_removed() {
    let cloud = Cloud::new();
    for path in ["/dws/clusters/c1", "/dws/clusters/c1/pools/etl", "/dataarts/workspaces/w1"] {
        assert_eq!(cloud.admin("PUT", path, "").await.status, 201, "{path}");
        assert_eq!(cloud.admin("PUT", path, "").await.status, 204, "{path}");
    }
    assert_eq!(cloud.admin("PUT", "/targets/c1/users/bob", r#"["etl"]"#).await.status, 204);
    assert_eq!(cloud.admin("POST", "/targets/w1/users/u1", r#"["r00002"]"#).await.status, 204);
    assert_eq!(cloud.admin("GET", "/targets/c1/users", "").await.json(), json!({"bob": ["etl"]}));
    assert_eq!(cloud.admin("GET", "/targets/w1/users", "").await.json(), json!({"u1": ["r00002"]}));
    for (method, path) in
        [("DELETE", "/dws/clusters/c1/pools/etl"), ("DELETE", "/targets/c1"), ("DELETE", "/targets/w1")]
    {
        assert_eq!(cloud.admin(method, path, "").await.status, 204, "{path}");
        assert_eq!(cloud.admin(method, path, "").await.status, 404, "{path}");
    }
    assert_eq!(cloud.admin("PUT", "/dws/clusters/c1/pools/etl", "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn unknown_users_tokens_and_access_keys_are_arranged() {
    let mut cloud = Cloud::new();
    assert_eq!(cloud.admin("PUT", "/iam/unknown-users/ghost", "").await.status, 204);
    assert!(!cloud.authorize("grant", "ghost", &["RESTART"]).await.succeeded());
    assert_eq!(cloud.admin("DELETE", "/iam/unknown-users/ghost", "").await.status, 204);
    assert!(cloud.authorize("grant", "ghost", &["RESTART"]).await.succeeded());
    assert_eq!(cloud.admin("DELETE", "/iam/tokens", "").await.json(), json!({"revoked": 0}));
    assert_eq!(cloud.admin("PUT", "/iam/access-keys/NEXT", r#"{"secret": "next"}"#).await.status, 204);
    (cloud.key, cloud.secret) = ("NEXT".to_owned(), "next".to_owned());
    assert!(cloud.list().await.succeeded());
    assert_eq!(cloud.admin("DELETE", "/iam/access-keys/NEXT", "").await.status, 204);
    assert_eq!(cloud.admin("DELETE", "/iam/access-keys/NEXT", "").await.status, 404);
    assert_eq!(cloud.list().await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn the_journal_is_read_on_from_where_one_stopped() {
    let cloud = Cloud::new();
    cloud.list().await;
    let all = cloud.admin("GET", "/journal", "").await.json();
    assert_eq!((all["last"].clone(), all["entries"].as_array().unwrap().len()), (json!(2), 2));
    assert_eq!(cloud.admin("GET", "/journal?after=2", "").await.json(), json!({"last": 2, "entries": []}));
    cloud.list().await;
    let more = cloud.admin("GET", "/journal?after=2", "").await.json();
    assert_eq!(more["entries"][0]["operation"], "ListQueueUsers");
}

#[tokio::test(start_paused = true)]
async fn faults_are_shown_and_forgotten_and_nonsense_is_refused() {
    let cloud = Cloud::new();
    let fault = json!({"operation": "ListQueues", "skip": 2, "times": 3, "action": {"answer": {"status": 503}}});
    cloud.admin("POST", "/faults", &fault.to_string()).await;
    cloud.get("/queues").await;
    let left = cloud.admin("GET", "/faults", "").await.json();
    assert_eq!((&left[0]["skip"], &left[0]["times"]), (&json!(1), &json!(3)));
    assert_eq!(cloud.admin("DELETE", "/faults", "").await.status, 204);
    assert_eq!(cloud.admin("GET", "/faults", "").await.json(), json!([]));
    for nonsense in ["", "{}", r#"{"action": "explode"}"#, r#"{"action": "hang", "operatoin": "x"}"#] {
        assert_eq!(cloud.admin("POST", "/faults", nonsense).await.status, 400, "{nonsense}");
    }
}

#[tokio::test(start_paused = true)]
async fn switches_are_shown_and_turned_one_by_one() {
    let cloud = Cloud::new();
    let before = cloud.admin("GET", "/switches", "").await.json();
    assert_eq!(before["offset_unit"], "rows");
    let after = cloud.admin("PATCH", "/switches", r#"{"offset_unit": "pages", "max_limit": 50}"#).await.json();
    let mut expected: Value = before;
    expected["offset_unit"] = json!("pages");
    expected["max_limit"] = json!(50);
    assert_eq!(after, expected);
    let nested = r#"{"dws": {"busy": true}, "dataarts": {"failure_as": "dayu_4402"}}"#;
    expected["dws"]["busy"] = json!(true);
    expected["dataarts"]["failure_as"] = json!("dayu_4402");
    assert_eq!(cloud.admin("PATCH", "/switches", nested).await.json(), expected);
    expected["dws"]["max_limit"] = json!(5);
    assert_eq!(cloud.admin("PATCH", "/switches", r#"{"dws": {"max_limit": 5}}"#).await.json(), expected);
    for nonsense in [r#"{"offset_unit": "miles"}"#, r#"{"offset": "rows"}"#, r#"{"dws": {"bussy": true}}"#, "[]"] {
        assert_eq!(cloud.admin("PATCH", "/switches", nonsense).await.status, 400, "{nonsense}");
    }
    assert_eq!(cloud.admin("GET", "/switches", "").await.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn a_reset_goes_back_to_the_settings() {
    let cloud = Cloud::with(|s| s.latency_ms = 5);
    cloud.simulator.set_switches(|s| s.latency_ms = 9);
    cloud.simulator.add_unknown_user("ghost");
    assert_eq!(cloud.admin("POST", "/reset", "").await.status, 204);
    assert_eq!(cloud.simulator.switches().latency_ms, 5);
    assert!(cloud.simulator.queues().is_empty());
    assert_eq!(cloud.simulator.journal_last(), 0);
    assert!(cloud.call("GET", &format!("/v1.0/{PROJECT}/queues"), "").await.succeeded());
}

#[tokio::test(start_paused = true)]
async fn a_path_that_is_not_of_the_admin_api_is_not_found_and_not_journalled() {
    let cloud = Cloud::new();
    let reply = cloud.admin("GET", "/other", "").await;
    assert_eq!((reply.status, reply.code()), (404, String::new()));
    assert_eq!(cloud.simulator.journal_last(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_readme_has_every_switch_and_only_actions_that_exist() {
    let readme = include_str!("../../README.md");
    let cells = |heading: &str| {
        let table = readme.split(heading).nth(1).unwrap().lines().take_while(|line| line.starts_with('|'));
        let first = table.filter_map(|line| line.split('|').nth(1));
        first.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect::<Vec<_>>()
    };
    let cloud = Cloud::new();
    let switches = cloud.admin("GET", "/switches", "").await.json();
    for (heading, service) in
        [("switch", ""), ("`dws` switch", "/dws"), ("`dataarts` switch", "/dataarts"), ("`ehpc` switch", "/ehpc")]
    {
        let mut documented = cells(&format!("| {heading} | positions | the question |\n"));
        documented.sort_unstable();
        let mut all = switches.pointer(service).unwrap().as_object().unwrap().clone();
        all.retain(|_, position| !position.is_object());
        assert_eq!(documented, all.keys().collect::<Vec<_>>(), "{service}");
    }

    let actions = cells("| action | the call itself | the answer |\n");
    assert_eq!(actions.iter().filter(|action| !action.contains("\"body\"")).count(), 15, "{actions:?}");
    for action in actions {
        let fault = format!(r#"{{"action": {action}}}"#);
        assert_eq!(cloud.admin("POST", "/faults", &fault).await.status, 200, "{action}");
    }
}

//! "Querying Queue Users", "Querying All Queues", "Viewing Details of a Queue".

use serde_json::json;
use simulator::{OffsetUnit, OverLimit, QueueKind, ShowSpelling};

use crate::harness::{Cloud, Reply};

/// Users `u0` … `u9`, and no owner's row.
fn ten_users(turn: impl FnOnce(&mut simulator::Switches)) -> Cloud {
    let cloud = Cloud::with(|s| {
        s.owner_row = false;
        turn(s);
    });
    for number in 0..10 {
        cloud.simulator.outside_set("queue1", &format!("u{number}"), &["SUBMIT_JOB"]).unwrap();
    }
    cloud
}

async fn page(cloud: &Cloud, query: &str) -> Reply {
    cloud.get(&format!("/queues/queue1/users?{query}")).await
}

#[tokio::test(start_paused = true)]
async fn the_list_of_users_is_as_the_page_shows_it() {
    let cloud = Cloud::new();
    cloud.authorize("grant", "user2", &["SUBMIT_JOB"]).await;
    let expected = json!({
        "is_success": true,
        "message": "",
        "privileges": [
            {"is_admin": true, "privileges": ["ALL"], "user_name": "sim-owner"},
            {"is_admin": false, "privileges": ["SUBMIT_JOB"], "user_name": "user2"},
        ],
        "queue_name": "queue1",
    });
    assert_eq!(cloud.list().await.json(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_owners_row_is_there_or_not() {
    let cloud = Cloud::new();
    assert_eq!(cloud.list().await.users(), ["sim-owner"]);
    cloud.simulator.set_switches(|s| s.owner_row = false);
    assert!(cloud.list().await.users().is_empty());
    cloud.simulator.outside_set("queue1", "sim-owner", &["RESTART"]).unwrap();
    assert_eq!(cloud.list().await.held("sim-owner"), ["RESTART"]);
    cloud.simulator.set_switches(|s| s.owner_row = true);
    assert_eq!(cloud.list().await.users(), ["sim-owner"]);
}

#[tokio::test(start_paused = true)]
async fn count_tells_all_users_or_is_left_out() {
    let cloud = ten_users(|_| ());
    assert_eq!(page(&cloud, "limit=3&offset=0").await.json().get("count"), None);
    cloud.simulator.set_switches(|s| s.count_present = true);
    assert_eq!(page(&cloud, "limit=3&offset=0").await.json()["count"], 10);
}

#[tokio::test(start_paused = true)]
async fn offset_counts_rows_or_pages_or_nothing() {
    let cloud = ten_users(|_| ());
    let mut users = Vec::new();
    for unit in [OffsetUnit::Rows, OffsetUnit::Pages, OffsetUnit::Ignored] {
        cloud.simulator.set_switches(|s| s.offset_unit = unit);
        users.push(page(&cloud, "limit=4&offset=1").await.users());
        users.push(page(&cloud, "limit=4&offset=8").await.users());
    }
    let expected: [&[&str]; 6] = [
        &["u1", "u2", "u3", "u4"],
        &["u8", "u9"],
        &["u4", "u5", "u6", "u7"],
        &[],
        &["u0", "u1", "u2", "u3"],
        &["u0", "u1", "u2", "u3"],
    ];
    assert_eq!(users, expected);
}

#[tokio::test(start_paused = true)]
async fn without_a_limit_the_default_page_is_listed_or_everything() {
    let cloud = ten_users(|_| ());
    assert_eq!(cloud.list().await.users().len(), 10);
    cloud.simulator.set_switches(|s| s.default_limit = Some(3));
    assert_eq!(cloud.list().await.users(), ["u0", "u1", "u2"]);
    assert_eq!(page(&cloud, "limit=5").await.users().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_limit_beyond_the_maximum_is_capped_or_refused() {
    let cloud = ten_users(|s| s.max_limit = Some(4));
    assert_eq!(page(&cloud, "limit=100&offset=0").await.users().len(), 4);
    assert_eq!(cloud.list().await.users().len(), 4);
    cloud.simulator.set_switches(|s| s.over_limit = OverLimit::Refuse);
    assert_eq!(page(&cloud, "limit=5&offset=0").await.code(), "DLI.0001");
    assert_eq!(page(&cloud, "limit=4&offset=0").await.users().len(), 4);
    assert_eq!(cloud.list().await.users().len(), 4);
    cloud.simulator.set_switches(|s| s.max_limit = None);
    assert_eq!(page(&cloud, "limit=100&offset=0").await.users().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn limit_and_offset_may_be_left_out_or_not() {
    let cloud = ten_users(|_| ());
    for (query, allowed) in [("", false), ("limit=5", false), ("offset=0", false), ("limit=5&offset=0", true)] {
        cloud.simulator.set_switches(|s| s.paging_required = false);
        assert!(page(&cloud, query).await.succeeded());
        cloud.simulator.set_switches(|s| s.paging_required = true);
        assert_eq!(page(&cloud, query).await.succeeded(), allowed, "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_or_offset_that_is_no_number_is_bad() {
    let cloud = Cloud::new();
    for query in ["limit=0&offset=0", "limit=-1&offset=0", "limit=x", "limit=5&offset=-1", "limit=&offset=0"] {
        assert_eq!(page(&cloud, query).await.refusal(), (400, "DLI.0001".to_owned()), "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn show_privileges_is_read_in_plural_or_singular() {
    let cloud = Cloud::new();
    cloud.authorize("grant", "alice", &["SHOW_PRIVILEGES"]).await;
    assert_eq!(cloud.list().await.held("alice"), ["SHOW_PRIVILEGES"]);
    cloud.simulator.set_switches(|s| s.show_spelling = ShowSpelling::Singular);
    assert_eq!(cloud.list().await.held("alice"), ["SHOW_PRIVILEGE"]);
}

#[tokio::test(start_paused = true)]
async fn queues_are_listed_by_type_sql_when_none_is_given() {
    let cloud = Cloud::new();
    cloud.simulator.create_queue("Spark", QueueKind::General);
    let names = async |query: &str| {
        let body = cloud.get(&format!("/queues{query}")).await.json();
        let rows = body["queues"].as_array().unwrap().clone();
        rows.iter().map(|row| row["queue_name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["queue1"]);
    assert_eq!(names("?queue_type=sql").await, ["queue1"]);
    assert_eq!(names("?queue_type=general").await, ["spark"]);
    assert_eq!(names("?queue_type=all").await, ["queue1", "spark"]);
    assert_eq!(names("?queue_type=all&order=queue_name_desc").await, ["spark", "queue1"]);
    assert_eq!(names("?queue_type=all&page-size=1&current-page=2").await, ["spark"]);
    assert!(names("?queue_type=all&page-size=1&current-page=3").await.is_empty());
    for query in ["?queue_type=other", "?page-size=0", "?current-page=0", "?page-size=x"] {
        assert_eq!(cloud.get(&format!("/queues{query}")).await.code(), "DLI.0001", "{query}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_details_of_a_queue_of_any_type_are_shown_in_camel_case() {
    let cloud = Cloud::new();
    cloud.simulator.create_queue("spark", QueueKind::General);
    let details = cloud.get("/queues/SPARK").await.json();
    assert_eq!((&details["queueName"], &details["queueType"]), (&json!("spark"), &json!("general")));
    assert_eq!(details["create_time"], 1_735_787_045_000_i64);
    assert_eq!(cloud.get("/queues/gone").await.refusal(), (400, "DLI.0002".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_removed_queue_is_gone_everywhere_and_comes_back_empty() {
    let cloud = Cloud::new();
    cloud.authorize("grant", "alice", &["SUBMIT_JOB"]).await;
    assert!(cloud.simulator.remove_queue("queue1"));
    assert_eq!(cloud.list().await.code(), "DLI.0002");
    assert_eq!(cloud.get("/queues").await.json()["queues"], json!([]));
    cloud.simulator.create_queue("queue1", QueueKind::Sql);
    assert_eq!(cloud.list().await.users(), ["sim-owner"]);
}

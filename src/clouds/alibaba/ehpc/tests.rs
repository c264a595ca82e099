//! Golden exchanges of lists: what is asked, what is sent for it, and what comes of the answers.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::*;
use crate::clouds::alibaba::Generation::{self, V2018, V2024};
use crate::clouds::alibaba::session::tests::session;
use crate::clouds::script::{Script, answer, kind, purpose};
use crate::clouds::{CloudError, TransportError};

pub(super) const BOTH: [Generation; 2] = [V2018, V2024];

pub(super) fn ehpc(script: &Arc<Script>, generation: Generation) -> Ehpc {
    Ehpc::new(session(script, generation))
}

pub(super) fn error(code: &str) -> Value {
    json!({"RequestId": "r", "HostId": "h", "Code": code, "Message": "words"})
}

/// A page as either generation gives it.
pub(super) fn page(generation: Generation, number: usize, total: usize, rows: &[(&str, &str)]) -> Value {
    let name = if generation == V2018 { "Name" } else { "UserName" };
    let rows: Vec<Value> = rows
        .iter()
        .map(|(user, group)| json!({name: user, "Group": group, "AddTime": "2018-07-18T17:46:47"}))
        .collect();
    json!({"RequestId": "r", "PageNumber": number, "PageSize": 50, "TotalCount": total, "Users": {"UserInfo": rows}})
}

/// Action, version and parameters of each request, without the cluster's id.
pub(super) fn sent(script: &Script) -> Vec<String> {
    let line = |request: &http::Request<bytes::Bytes>| {
        let header = |name: &str| request.headers()[name].to_str().unwrap_or_default().to_owned();
        assert_eq!(request.uri().path(), "/");
        let (method, query) = (request.method(), request.uri().query().unwrap_or_default());
        let parameters = format!("{query}{}", String::from_utf8_lossy(request.body()));
        let parameters = parameters.strip_prefix("ClusterId=ehpc-1").unwrap_or_else(|| panic!("{parameters}"));
        let parameters = percent_encoding::percent_decode_str(parameters.trim_start_matches('&')).decode_utf8_lossy();
        format!("{method} {} {} {parameters}", header("x-acs-action"), header("x-acs-version")).trim_end().to_owned()
    };
    script.requests().iter().map(line).collect()
}

fn listed(rows: &[(&str, &str)]) -> HpcUsers {
    HpcUsers::Users(rows.iter().map(|(name, group)| ((*name).to_owned(), (*group).to_owned())).collect())
}

/// Reads the users of `ehpc-1`; the answers are told as status and body. Returns the result and what was sent.
async fn users(generation: Generation, answers: Vec<(u16, Value)>) -> (Result<HpcUsers, CloudError>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let result = ehpc(&script, generation).users("ehpc-1", &purpose()).await;
    (result, sent(&script))
}

fn many(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("user{number:03}")).collect()
}

fn rows(names: &[String]) -> Vec<(&str, &str)> {
    names.iter().map(|name| (name.as_str(), "users")).collect()
}

#[tokio::test(start_paused = true)]
async fn the_users_of_a_cluster_are_read_as_either_generation_shows_them() {
    for generation in BOTH {
        let body = page(generation, 1, 2, &[("alice.01", "users"), ("Alice.01", "wheel")]);
        let (result, sent) = users(generation, vec![(200, body)]).await;
        assert_eq!(result, Ok(listed(&[("alice.01", "users"), ("Alice.01", "wheel")])), "case counts");
        assert_eq!(sent, [format!("GET ListUsers {generation} PageNumber=1&PageSize=50")]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_of_the_vendors_own_example_is_smaller_than_its_list() {
    let (result, sent) =
        users(V2018, vec![(200, page(V2018, 1, 1, &[("alice1", "users"), ("bobby2", "wheel")]))]).await;
    assert_eq!((result, sent.len()), (Ok(listed(&[("alice1", "users"), ("bobby2", "wheel")])), 1));
}

#[tokio::test(start_paused = true)]
async fn an_empty_list_may_be_left_out_where_the_total_does_not_say_more() {
    for users_field in [json!(null), json!({}), json!({"UserInfo": null}), json!({"UserInfo": []})] {
        let body = |total: Value| json!({"RequestId": "r", "PageSize": 50, "TotalCount": total, "Users": users_field});
        let (result, _) = users(V2018, vec![(200, body(json!(0)))]).await;
        assert_eq!(result, Ok(listed(&[])), "{users_field}");
        let (result, _) = users(V2018, vec![(200, body(json!(1)))]).await;
        assert_eq!(kind(&result), "unexpected reply", "{users_field}");
    }
    let (result, _) = users(V2018, vec![(200, json!({"RequestId": "r", "PageSize": 50, "TotalCount": 0}))]).await;
    assert_eq!(result, Ok(listed(&[])));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_a_whole_list_is_an_error_and_never_an_empty_one() {
    for body in [
        json!({}),
        json!([]),
        json!(null),
        json!({"RequestId": "r"}),
        json!({"RequestId": "r", "Users": null}),
        json!({"RequestId": "r", "Users": {}}),
        json!({"Users": {"UserInfo": []}, "TotalCount": 0, "PageSize": 50}),
        json!({"RequestId": "r", "TotalCount": 0, "Users": []}),
        json!({"RequestId": "r", "TotalCount": -1, "Users": {"UserInfo": []}}),
        json!({"RequestId": "r", "TotalCount": 0, "PageSize": 50, "PageNumber": 2, "Users": {"UserInfo": []}}),
        json!({"RequestId": "r", "PageSize": 50, "Users": {"UserInfo": [{"Group": "users"}]}}),
        json!({"RequestId": "r", "PageSize": 50, "Users": {"UserInfo": [{"Name": "alice1"}]}}),
        json!({"RequestId": "r", "PageSize": 50, "Users": {"UserInfo": [{"Name": "", "Group": "users"}]}}),
        json!({"RequestId": "r", "PageSize": 50, "Users": {"UserInfo": [{"Name": "alice1", "Group": ""}]}}),
        page(V2018, 1, 2, &[("alice1", "users")]),
        page(V2018, 1, 2, &[("alice1", "users"), ("alice1", "wheel")]),
    ] {
        let (result, sent) = users(V2018, vec![(200, body.clone())]).await;
        assert_eq!((kind(&result), sent.len()), ("unexpected reply", 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_until_one_is_short_and_then_all_again() {
    for generation in BOTH {
        let names = many(0..100);
        let rows = rows(&names);
        let pages = [
            page(generation, 1, 100, &rows[..50]),
            page(generation, 2, 100, &rows[50..]),
            page(generation, 3, 100, &[]),
        ];
        let answers: Vec<_> = pages.iter().chain(&pages).map(|page| (200, page.clone())).collect();
        let (result, sent) = users(generation, answers).await;
        assert_eq!(result, Ok(listed(&rows)));
        let once = [1, 2, 3].map(|number| format!("GET ListUsers {generation} PageNumber={number}&PageSize=50"));
        assert_eq!(sent, [once.clone(), once].concat());
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_is_as_long_as_the_service_says_and_not_as_was_asked_for() {
    let names = many(0..15);
    let rows = rows(&names);
    let capped = |number: usize, rows: &[(&str, &str)], size: Value| {
        let mut page = page(V2018, number, 0, rows);
        page["PageSize"] = size;
        (200, page)
    };
    for (size, pages) in [(json!(10), 2), (json!(null), 3), (json!(0), 3)] {
        let reading: Vec<_> = [&rows[..10], &rows[10..], &[]]
            .iter()
            .enumerate()
            .take(pages)
            .map(|(at, rows)| capped(at + 1, rows, size.clone()))
            .collect();
        let (result, sent) = users(V2018, [reading.clone(), reading].concat()).await;
        assert_eq!((result, sent.len()), (Ok(listed(&rows)), 2 * pages), "{size}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changes_while_it_is_read_is_not_believed() {
    let names = many(0..60);
    let rows = rows(&names);
    // `user000` is deleted after the first page: `user050` has moved to a page that was read.
    let first = [page(V2018, 1, 60, &rows[..50]), page(V2018, 2, 59, &rows[51..])];
    let then = [page(V2018, 1, 59, &rows[1..51]), page(V2018, 2, 59, &rows[51..])];
    let (result, sent) = users(V2018, first.into_iter().chain(then).map(|page| (200, page)).collect()).await;
    assert_eq!((kind(&result), sent.len()), ("unexpected reply", 4));
}

fn page_asked_for(request: &http::Request<bytes::Bytes>) -> usize {
    let query = request.uri().query().unwrap_or_default();
    query.split("PageNumber=").nth(1).and_then(|rest| rest.split('&').next()?.parse().ok()).unwrap_or(1)
}

/// Other users on each page.
fn endless_page(request: &http::Request<bytes::Bytes>) -> Result<http::Response<bytes::Bytes>, TransportError> {
    let number = page_asked_for(request);
    let names: Vec<String> = (0..50).map(|row| format!("user.{number}.{row}")).collect();
    answer(200, page(V2018, number, 50, &rows(&names)))
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_given_up() {
    let same = Script::by(|_| {
        let names = many(0..50);
        let mut page = page(V2018, 1, 50, &rows(&names));
        page["PageNumber"] = json!(null);
        answer(200, page)
    });
    assert_eq!(kind(&ehpc(&same, V2018).users("ehpc-1", &purpose()).await), "unexpected reply");
    assert_eq!(same.sent().len(), 2, "the same page again");

    let endless = Script::by(endless_page);
    assert_eq!(kind(&ehpc(&endless, V2018).users("ehpc-1", &purpose()).await), "unexpected reply");
    assert_eq!(endless.sent().len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn a_list_of_more_than_ten_thousand_users_is_read() {
    const PAGES: usize = 240;
    let script = Script::by(|request| {
        if page_asked_for(request) > PAGES {
            return answer(200, page(V2018, PAGES + 1, PAGES * 50, &[]));
        }
        endless_page(request)
    });
    let result = ehpc(&script, V2018).users("ehpc-1", &purpose()).await;
    assert!(matches!(&result, Ok(HpcUsers::Users(users)) if users.len() == PAGES * 50), "{}", kind(&result));
    assert_eq!(script.sent().len(), 2 * (PAGES + 1));
}

#[tokio::test(start_paused = true)]
async fn a_list_under_way_waits_for_a_throttled_account_and_a_new_one_does_not() {
    let names = many(0..50);
    let full = || (200, page(V2018, 1, 50, &rows(&names)));
    let end = || (200, page(V2018, 2, 50, &[]));
    let (result, sent) = users(V2018, vec![full(), (400, error("Throttling.User")), end(), full(), end()]).await;
    assert_eq!((kind(&result), sent.len()), ("ok", 5));
    let (result, sent) = users(V2018, vec![(400, error("Throttling.User")), full()]).await;
    assert_eq!((kind(&result), sent.len()), ("throttled", 1));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_gone_only_when_both_generations_say_so_of_the_cluster_itself() {
    let not_found = || (404, error("ClusterNotFound"));
    let (list, old, new) =
        ("ListUsers {} PageNumber=1&PageSize=50", "GET DescribeCluster 2018-04-12", "POST GetCluster 2024-07-30");
    for (generation, looks) in [(V2018, [old, new]), (V2024, [new, old])] {
        let (result, sent) = users(generation, vec![not_found(), not_found(), not_found()]).await;
        assert_eq!(result, Ok(HpcUsers::ClusterGone));
        let list = format!("GET {}", list.replace("{}", &generation.to_string()));
        assert_eq!(sent, [list.as_str(), looks[0], looks[1]]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_only_the_other_generation_knows_is_not_gone_and_the_message_says_what_to_do() {
    let old = json!({"RequestId": "r", "ClusterInfo": {"Status": "running"}});
    let new = json!({"RequestId": "r", "ClusterStatus": "running"});
    for (generation, found, other) in [(V2018, new, "2024-07-30"), (V2024, old, "2018-04-12")] {
        let not_found = || (404, error("ClusterNotFound"));
        let (result, _) = users(generation, vec![not_found(), not_found(), (200, found)]).await;
        assert_eq!(kind(&result), "target not found");
        let message = result.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(&format!("ehpcApiVersion {other}, not {generation}")), "{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_not_gone_when_a_look_shows_it_or_fails() {
    let shown = json!({"RequestId": "r", "ClusterInfo": {"Status": "releasing"}});
    let looks = [
        (200, shown, "unexpected reply"),
        (200, json!({"RequestId": "r"}), "unexpected reply"),
        (200, json!({"RequestId": "r", "ClusterInfo": null, "ClusterStatus": null}), "unexpected reply"),
        (200, json!({}), "unexpected reply"),
        (407, error("NotAuthorized"), "access denied"),
        (403, error("Forbidden.RAM"), "access denied"),
        (404, error("InvalidApi.NotFound"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (404, error("ManagerNotFound"), "target not ready"),
        (500, error("UnknownError"), "unavailable"),
        (400, error("Throttling"), "throttled"),
    ];
    for (status, body, expected) in looks {
        let (result, _) = users(V2018, vec![(404, error("ClusterNotFound")), (status, body.clone())]).await;
        assert_eq!(kind(&result), expected, "{body}");
        let not_found = (404, error("ClusterNotFound"));
        let (result, _) = users(V2018, vec![not_found.clone(), not_found, (status, body.clone())]).await;
        assert_eq!(kind(&result), expected, "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_absence_needs_no_second_look() {
    for (status, body, expected) in [
        (403, error("InvalidClusterStatus"), "target not ready"),
        (404, error("ManagerNotFound"), "target not ready"),
        (403, error("ConflictOpt"), "target not ready"),
        (406, error("AgentError"), "unavailable"),
        (406, error("AgentError.Account.DomainNotExist"), "unavailable"),
        (406, error("AgentError.Account.GetUserListFailure"), "unavailable"),
        (407, error("NotAuthorized"), "access denied"),
        (400, error("InvalidParams"), "rejected"),
        (404, error("InvalidProduct.NotFound"), "rejected"),
        (404, json!({}), "unexpected reply"),
        (407, json!({}), "unexpected reply"),
        (302, json!({}), "unexpected reply"),
        (503, error("ServiceUnavailable"), "unavailable"),
        (400, error("Throttling.User"), "throttled"),
    ] {
        let (result, sent) = users(V2018, vec![(status, body.clone())]).await;
        assert_eq!((kind(&result), sent.len()), (expected, 1), "{body}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_takes_no_longer_than_its_window_and_one_exchange() {
    let script = Script::slow(Duration::from_secs(29), endless_page);
    let start = Instant::now();
    assert_eq!(kind(&ehpc(&script, V2018).users("ehpc-1", &purpose()).await), "turn missed", "not sent");
    assert!(start.elapsed() < Duration::from_secs(150), "{:?}", start.elapsed());
}

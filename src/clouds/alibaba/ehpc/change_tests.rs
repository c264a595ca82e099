//! Golden exchanges of writes: what is asked, which calls it takes, and what comes of the answers.

use secrecy::SecretString;
use serde_json::{Value, json};

use super::super::tests::{BOTH, ehpc, error, page, sent};
use super::*;
use crate::clouds::alibaba::Generation::{V2018, V2024};
use crate::clouds::script::{Script, answer, kind, purpose};

fn change(name: &str, before: &str, after: &str, password: &str) -> UserChange {
    let some = |word: &str| (!word.is_empty()).then(|| word.to_owned());
    let password = some(password).map(SecretString::from);
    UserChange { name: name.to_owned(), before: some(before), after: some(after), password, purpose: purpose() }
}

fn added(name: &str) -> UserChange {
    change(name, "", "users", "Passw0rd")
}

fn deleted(name: &str) -> UserChange {
    change(name, "users", "", "")
}

fn done() -> (u16, Value) {
    (200, json!({"RequestId": "r"}))
}

fn updated() -> (u16, Value) {
    (200, json!({"RequestId": "r", "Success": true}))
}

fn failed(code: &str) -> (u16, Value) {
    (406, error(code))
}

/// Makes changes on `ehpc-1`. Returns the kinds of the results and what was sent.
async fn make(
    generation: Generation,
    changes: &[UserChange],
    answers: Vec<(u16, Value)>,
) -> (Vec<&'static str>, Vec<String>) {
    let script = Script::of(answers.into_iter().map(|(status, body)| answer(status, body)));
    let results = ehpc(&script, generation).change("ehpc-1", changes).await;
    for result in results.iter().filter_map(|result| result.as_ref().err()) {
        assert!(!format!("{result:?} {result}").contains("Passw0rd"), "{result}");
    }
    (results.iter().map(kind).collect(), sent(&script))
}

/// One of each, in an order that is not the one of the calls.
fn one_of_each() -> [UserChange; 6] {
    [
        change("rotates", "users", "users", "Rotat3d+"),
        change("arrives", "", "wheel", "Passw0rd"),
        change("climbs", "users", "wheel", ""),
        change("climbs.too", "users", "wheel", "Passw0rd"),
        change("leaves", "users", "", ""),
        change("stays1", "users", "users", ""),
    ]
}

#[tokio::test(start_paused = true)]
async fn the_older_generation_has_a_call_for_each_thing_and_deletes_go_first() {
    let (results, sent) = make(V2018, &one_of_each(), vec![done(); 4]).await;
    assert_eq!(results, ["ok"; 6]);
    assert_eq!(
        sent,
        [
            "GET DeleteUsers 2018-04-12 User.1.Name=leaves",
            "GET ModifyUserGroups 2018-04-12 User.1.Group=wheel&User.1.Name=climbs&User.2.Group=wheel&User.2.Name=climbs.too",
            "POST AddUsers 2018-04-12 User.1.Group=wheel&User.1.Name=arrives&User.1.Password=Passw0rd",
            "POST ModifyUserPasswords 2018-04-12 \
             User.1.Name=rotates&User.1.Password=Rotat3d+&User.2.Name=climbs.too&User.2.Password=Passw0rd",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn the_newer_generation_updates_one_user_a_call_group_and_password_at_once() {
    let answers = vec![done(), updated(), updated(), done(), updated()];
    let (results, sent) = make(V2024, &one_of_each(), answers).await;
    assert_eq!(results, ["ok"; 6]);
    assert_eq!(
        sent,
        [
            r#"GET DeleteUsers 2024-07-30 User=[{"UserName":"leaves"}]"#,
            "POST UpdateUser 2024-07-30 Group=wheel&UserName=climbs",
            "POST UpdateUser 2024-07-30 Group=wheel&Password=Passw0rd&UserName=climbs.too",
            r#"POST CreateUsers 2024-07-30 User=[{"Group":"wheel","Password":"Passw0rd","UserName":"arrives"}]"#,
            "POST UpdateUser 2024-07-30 Password=Rotat3d+&UserName=rotates",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn twenty_users_make_a_batch() {
    for generation in BOTH {
        let changes: Vec<_> = (0..45).map(|number| added(&format!("user{number:02}"))).collect();
        let (results, sent) = make(generation, &changes, vec![done(); 3]).await;
        assert_eq!(results, ["ok"; 45]);
        let names = |line: &String| line.matches("Name").count();
        assert_eq!(sent.iter().map(names).collect::<Vec<_>>(), [20, 20, 5], "{generation}");
    }
}

#[tokio::test(start_paused = true)]
async fn passwords_of_the_older_generation_go_into_the_query_where_the_form_is_refused() {
    let refused = || (400, error("UnsupportedHTTPMethod"));
    let changes = [added("alice1"), change("bobby2", "users", "users", "Passw0rd")];
    let (results, sent) = make(V2018, &changes, vec![refused(), done(), refused(), done()]).await;
    assert_eq!(results, ["ok", "ok"]);
    let methods: Vec<_> = sent.iter().map(|line| line.split(" 2018").next().unwrap_or_default()).collect();
    assert_eq!(methods, ["POST AddUsers", "GET AddUsers", "POST ModifyUserPasswords", "GET ModifyUserPasswords"]);

    let (results, sent) = make(V2024, &[added("alice1")], vec![refused()]).await;
    assert_eq!((results, sent.len()), (vec!["rejected"], 1), "the newer one documents POST");
}

#[tokio::test(start_paused = true)]
async fn an_update_is_done_only_if_the_answer_says_so() {
    for (success, expected) in [
        (json!(true), "ok"),
        (json!("true"), "ok"),
        (json!("True"), "ok"),
        (json!(false), "unexpected reply"),
        (json!("false"), "unexpected reply"),
        (json!(""), "unexpected reply"),
        (json!(1), "unexpected reply"),
        (json!(null), "unexpected reply"),
    ] {
        for change in [change("alice1", "users", "wheel", ""), change("alice1", "users", "users", "Passw0rd")] {
            let answers = vec![(200, json!({"RequestId": "r", "Success": success}))];
            let (results, _) = make(V2024, &[change], answers).await;
            assert_eq!(results, [expected], "{success}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_user_can_have_is_not_sent() {
    for change in [
        change("alice1", "", "users", ""),
        change("alice1", "", "users", "short1+"),
        change("alice1", "users", "users", "has spaces 1"),
        change("alice1", "users", "wheel", "has'quotes1"),
        added("alice"),
        added("1alice"),
        added("alice_1"),
        added("alice é"),
        added(&"a".repeat(31)),
        added(""),
    ] {
        let (results, sent) = make(V2018, &[added("bobby2"), change.clone()], vec![done()]).await;
        assert_eq!((results, sent.len()), (vec!["ok", "rejected"], 1), "{change:?}");
    }
    let (results, sent) = make(V2024, &[change("a", "users", "", "bad")], vec![done()]).await;
    assert_eq!((results, sent.len()), (vec!["ok"], 1), "whoever it is can be deleted");
}

#[tokio::test(start_paused = true)]
async fn a_change_that_fails_in_one_call_is_not_half_made_by_the_next() {
    let both = change("alice1", "users", "wheel", "Passw0rd");
    let (results, sent) = make(V2018, &[both], vec![failed("AgentError.Account.UserModifyGroupFailure")]).await;
    assert_eq!((results, sent.len()), (vec!["unavailable"], 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_is_gone_is_deleted() {
    for generation in BOTH {
        let gone = || failed("AgentError.Account.UserNotExist");
        let (results, _) = make(generation, &[deleted("alice1")], vec![gone()]).await;
        assert_eq!(results, ["ok"]);
        let (results, sent) =
            make(generation, &[deleted("alice1"), deleted("bobby2")], vec![gone(), gone(), done()]).await;
        assert_eq!((results, sent.len()), (vec!["ok", "ok"], 3));
    }
}

#[tokio::test(start_paused = true)]
async fn only_that_very_code_says_that_a_user_to_be_deleted_is_gone() {
    for (code, expected) in [
        ("AgentError.Account.UserDeleteFailure", "unavailable"),
        ("AgentError.Account.DomainNotExist", "unavailable"),
        ("PartFailure", "unexpected reply"),
        ("InvalidApi.NotFound", "rejected"),
        ("ClusterNotFound", "target not found"),
        ("InvalidClusterStatus", "target not ready"),
    ] {
        let (results, sent) = make(V2018, &[deleted("alice1")], vec![failed(code)]).await;
        assert_eq!((results, sent.len()), (vec![expected], 1), "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_may_be_repeated_is_halved_until_the_culprit_is_alone_and_spares_its_neighbours() {
    for (code, alone) in [
        ("PartFailure", "unexpected reply"),
        ("AgentError.Account.UserDeleteFailure", "unavailable"),
        ("InvalidParams", "rejected"),
    ] {
        let changes = ["culprit", "alice1", "bobby2", "cindy3"].map(deleted);
        let answers = vec![failed(code), failed(code), failed(code), done(), done()];
        let (results, sent) = make(V2018, &changes, answers).await;
        assert_eq!((results, sent.len()), (vec![alone, "ok", "ok", "ok"], 5), "{code}");
    }
    let unknown = || failed("AgentError.Account.UserNotExist");
    let changes = ["nobody", "alice1"].map(|name| change(name, "users", "wheel", ""));
    let (results, _) = make(V2018, &changes, vec![unknown(), unknown(), done()]).await;
    assert_eq!(results, ["principal not found", "ok"]);
    let (results, sent) = make(V2024, &changes, vec![unknown(), updated()]).await;
    assert_eq!((results, sent.len()), (vec!["principal not found", "ok"], 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_about_a_user_is_not_tried_again() {
    for (status, code, expected) in [
        (403, "InvalidClusterStatus", "target not ready"),
        (406, "AgentError", "unavailable"),
        (407, "NotAuthorized", "access denied"),
        (404, "ClusterNotFound", "target not found"),
        (400, "SignatureNonceUsed", "unexpected reply"),
        (500, "UnknownError", "unavailable"),
    ] {
        for changes in [["alice1", "bobby2"].map(added), ["alice1", "bobby2"].map(deleted)] {
            let (results, sent) = make(V2018, &changes, vec![(status, error(code))]).await;
            assert_eq!((results, sent.len()), (vec![expected; 2], 1), "{code}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_exists_when_it_is_to_be_added_may_be_ours_or_not_and_a_list_has_to_tell() {
    for generation in BOTH {
        let (results, sent) =
            make(generation, &[added("alice1")], vec![failed("AgentError.Account.UserAlreadyExist")]).await;
        assert_eq!((results, sent.len()), (vec!["unexpected reply"], 1));
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_batch_that_failed_because_of_a_user_a_list_shows_who_is_missing() {
    for code in
        ["PartFailure", "AgentError.Account.UserAlreadyExist", "AgentError.Account.UserAddFailure", "InvalidParams"]
    {
        for generation in BOTH {
            let list = (200, page(generation, 1, 2, &[("alice1", "users"), ("others", "wheel")]));
            let answers = vec![failed(code), list, failed("AgentError.Account.UserAddFailure"), done()];
            let (results, sent) = make(generation, &["alice1", "culprit", "cindy3"].map(added), answers).await;
            assert_eq!(results, ["unexpected reply", "unavailable", "ok"], "{code}");
            assert_eq!(sent.len(), 4);
            assert!(sent[1].starts_with("GET ListUsers"), "{}", sent[1]);
            for (line, name) in sent[2..].iter().zip(["culprit", "cindy3"]) {
                assert!(
                    line.starts_with("POST ") && line.contains(name) && line.matches("Name").count() == 1,
                    "{line}"
                );
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_cannot_be_looked_into_stays_what_it_was_and_may_have_been_carried_out() {
    let answers = [failed("PartFailure"), failed("AgentError")];
    let script = Script::of(answers.map(|(status, body)| answer(status, body)));
    let results = ehpc(&script, V2018).change("ehpc-1", &["alice1", "bobby2"].map(added)).await;
    assert_eq!(results.iter().map(kind).collect::<Vec<_>>(), ["unexpected reply"; 2]);
    assert!(results.iter().all(|result| result.as_ref().is_err_and(|error| error.fault().partly)));
    assert_eq!(script.sent().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_vendor_says_of_a_password_does_not_show() {
    let body = json!({
        "RequestId": "r", "Code": "InvalidParams",
        "Message": r#"The parameter User.1.Password Passw0rd+ (Passw0rd%2B, {"Password":"Passw0rd+"}) is invalid."#,
    });
    for generation in BOTH {
        let script = Script::of([answer(400, &body)]);
        let results = ehpc(&script, generation).change("ehpc-1", &[change("alice1", "", "users", "Passw0rd+")]).await;
        let shown = format!("{results:?}");
        assert!(shown.contains("a parameter is wrong") && !shown.contains("Passw0rd"), "{shown}");
    }
    assert!(!format!("{:?}", added("alice1")).contains("Passw0rd"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_late_and_all_is_over_within_the_in_flight_window() {
    for generation in BOTH {
        for code in ["PartFailure", "InvalidParams", "AgentError.Account.UserAlreadyExist"] {
            let script = Script::slow(Duration::from_secs(24), move |_| answer(400, error(code)));
            let changes: Vec<_> = (0..50)
                .flat_map(|number| [added(&format!("user{number:02}")), deleted(&format!("gone{number:02}"))])
                .collect();
            let start = Instant::now();
            let results = ehpc(&script, generation).change("ehpc-1", &changes).await;
            assert!(start.elapsed() < IN_FLIGHT, "{:?}", start.elapsed());
            assert!(results.iter().all(Result::is_err));
            assert!(results.iter().any(|result| kind(result) == "turn missed"), "the rest was not sent");
            assert!(script.sent().len() <= 3, "{:?}", script.sent().len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_carried_out_in_part_says_so_when_the_rest_misses_its_turn() {
    let script = Script::slow(SEND_WINDOW + Duration::from_secs(1), |_| answer(200, done().1));
    let results = ehpc(&script, V2018).change("ehpc-1", &[change("climbs", "users", "wheel", "Passw0rd")]).await;
    assert_eq!((kind(&results[0]), script.sent().len()), ("turn missed", 1));
    assert!(results[0].as_ref().is_err_and(|error| error.fault().partly));
}

#[tokio::test(start_paused = true)]
async fn the_second_call_of_a_change_is_not_taken_back() {
    let (hurry, signal) = tokio::sync::watch::channel(());
    let script = Script::by(move |_| {
        hurry.send_replace(());
        answer(200, done().1)
    });
    let recalled = Purpose { recall: crate::clouds::Recall::by(&signal), ..purpose() };
    let climbs = UserChange { purpose: recalled, ..change("climbs", "users", "wheel", "Passw0rd") };
    let results = ehpc(&script, V2018).change("ehpc-1", &[climbs]).await;
    assert_eq!((results, script.sent().len()), (vec![Ok(())], 2));
}

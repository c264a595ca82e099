//! The calls that change the users of an E-HPC cluster, in both generations.

use serde_json::json;
use simulator::UserNames;
use simulator::ehpc::{AddExisting, Batch, DeleteAbsent, ModifyAbsent, SuccessAs, UpdateFailure};

use crate::ehpc_caller::{CLUSTER, Hpc, PASSWORD, Pairs, refused, succeeded};
use crate::harness::Reply;

const NEXT: &str = "Next-Pa55word";

async fn add_one(hpc: &Hpc, name: &str, group: &str, password: &str) -> Reply {
    let pairs = [("User.1.Name", name), ("User.1.Group", group), ("User.1.Password", password)];
    hpc.v2018("AddUsers", &pairs).await
}

async fn create_one(hpc: &Hpc, name: &str, password: &str) -> Reply {
    let users = json!([{"UserName": name, "Group": "users", "Password": password}]);
    hpc.v2024("CreateUsers", &[("User", &users.to_string())]).await
}

fn account(code: &str) -> String {
    format!("AgentError.Account.{code}")
}

#[tokio::test(start_paused = true)]
async fn users_are_added_regrouped_given_passwords_and_deleted_in_batches() {
    let hpc = Hpc::new();
    assert!(succeeded(&hpc.add(&[("alice.01", "users"), ("bob.admin", "wheel")]).await));
    assert_eq!(hpc.truth(), ["alice.01:users", "bob.admin:wheel"]);
    assert!(succeeded(&hpc.regroup(&[("alice.01", "wheel"), ("bob.admin", "users")]).await));
    assert_eq!(hpc.truth(), ["alice.01:wheel", "bob.admin:users"]);
    assert_eq!(hpc.password("alice.01").as_deref(), Some(PASSWORD));
    let pairs = [("User.1.Name", "alice.01"), ("User.1.Password", NEXT)];
    assert!(succeeded(&hpc.v2018("ModifyUserPasswords", &pairs).await));
    assert_eq!(hpc.password("alice.01").as_deref(), Some(NEXT));
    assert_eq!(hpc.password("bob.admin").as_deref(), Some(PASSWORD));
    assert!(succeeded(&hpc.delete(&["alice.01", "bob.admin"]).await));
    assert!(hpc.truth().is_empty());
    assert_eq!(hpc.password("alice.01"), None);
}

#[tokio::test(start_paused = true)]
async fn the_second_generation_creates_updates_and_deletes() {
    let hpc = Hpc::new();
    assert!(succeeded(&hpc.create(&[("al", "users"), ("bob.admin", "wheel")]).await));
    let reply = hpc.update("al", &[("Group", "wheel")]).await;
    assert!(succeeded(&reply));
    assert_eq!(reply.json()["Success"], "true");
    assert_eq!(hpc.password("al").as_deref(), Some(PASSWORD));
    assert!(succeeded(&hpc.update("al", &[("Password", NEXT)]).await));
    assert_eq!(hpc.truth(), ["al:wheel", "bob.admin:wheel"]);
    assert_eq!(hpc.password("al").as_deref(), Some(NEXT));
    assert!(succeeded(&hpc.update("al", &[("Group", "users"), ("Password", PASSWORD)]).await));
    assert_eq!((hpc.truth().remove(0), hpc.password("al").as_deref()), ("al:users".to_owned(), Some(PASSWORD)));
    let reply = hpc.v2024("DeleteUsers", &[("User", r#"[{"UserName":"al"},{"UserName":"bob.admin"}]"#)]).await;
    assert!(succeeded(&reply));
    assert!(hpc.truth().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plus_is_a_blank_unless_it_is_encoded_in_query_and_form() {
    let hpc = Hpc::new();
    let refused_for_the_blank = |reply: &Reply| refused(reply, 400, "InvalidParams");
    let query = |password: &str| {
        format!("ClusterId={CLUSTER}&User.1.Name=alice.01&User.1.Group=users&User.1.Password={password}")
    };
    let get = async |password: &str| {
        hpc.cloud.send(hpc.sign(hpc.request("GET", "2018-04-12", "AddUsers", &query(password), ""), "")).await
    };
    refused_for_the_blank(&get("Pa5s+word").await);
    assert!(succeeded(&get("Pa5s%2Bword").await));
    let form = |password: &str| format!("ClusterId={CLUSTER}&UserName=alice.01&Password={password}");
    let post = async |password: &str| {
        let body = form(password);
        hpc.cloud.send(hpc.sign(hpc.request("POST", "2024-07-30", "UpdateUser", "", &body), &body)).await
    };
    refused_for_the_blank(&post("Pa6s+word").await);
    assert!(succeeded(&post("Pa6s%2Bword").await));
    assert_eq!(hpc.password("alice.01").as_deref(), Some("Pa6s+word"));
}

#[tokio::test(start_paused = true)]
async fn names_have_six_to_thirty_letters_digits_and_dots_and_begin_with_a_letter() {
    let hpc = Hpc::new();
    let longest = "a".repeat(30);
    for good in ["abcdef", "Alice.01", "a12345", longest.as_str()] {
        assert!(succeeded(&add_one(&hpc, good, "users", PASSWORD).await), "{good}");
    }
    let too_long = "a".repeat(31);
    for bad in ["", "abcde", "1abcdef", ".abcdef", "alice_01", "alice-01", "alice 01", "älice.01", too_long.as_str()] {
        refused(&add_one(&hpc, bad, "users", PASSWORD).await, 400, "InvalidParams");
    }
    assert_eq!(hpc.truth().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn passwords_have_eight_to_thirty_characters_of_three_kinds() {
    let hpc = Hpc::new();
    let longest = format!("Aa1{}", "x".repeat(27));
    for (n, good) in ["Abcdef12", "abcdef1!", "ABCDEF1!", "Abcdefg!", longest.as_str()].into_iter().enumerate() {
        assert!(succeeded(&add_one(&hpc, &format!("user.{n}"), "users", good).await), "{good}");
    }
    let too_long = format!("Aa1{}", "x".repeat(28));
    for bad in ["", "Abcde12", "abcdefg1", "ABCDEFG1", "abcdefg!", "Abcdef 12", "Abcdef`12", "Äbcdef12", &too_long] {
        let reply = add_one(&hpc, "someone", "users", bad).await;
        refused(&reply, 400, "InvalidParams");
        assert!(bad.is_empty() || !reply.text.contains(bad), "{}", reply.text);
    }
    assert_eq!(hpc.truth().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn the_second_generations_shortest_name_and_password_are_switches() {
    let hpc = Hpc::new();
    assert!(succeeded(&create_one(&hpc, "a", "Abcdef12").await));
    refused(&create_one(&hpc, "b", "Abcde1").await, 400, "InvalidParams");
    hpc.turn(|s| (s.name_minimum_2024, s.password_minimum_2024) = (6, 6));
    refused(&create_one(&hpc, "abcde", "Abcde1").await, 400, "InvalidParams");
    assert!(succeeded(&create_one(&hpc, "abcdef", "Abcde1").await));
    refused(&hpc.update("abcdef", &[("Password", "Abcd1")]).await, 400, "InvalidParams");
    refused(&add_one(&hpc, "someone", "users", "Abcde1").await, 400, "InvalidParams");
}

#[tokio::test(start_paused = true)]
async fn the_groups_are_users_and_wheel() {
    let hpc = Hpc::new();
    assert!(succeeded(&hpc.add(&[("alice.01", "users")]).await));
    refused(&hpc.add(&[("someone", "root")]).await, 400, "InvalidParams");
    refused(&hpc.regroup(&[("alice.01", "root")]).await, 400, "InvalidParams");
    refused(&hpc.update("alice.01", &[("Group", "root")]).await, 400, "InvalidParams");
    assert_eq!(hpc.truth(), ["alice.01:users"]);
}

#[tokio::test(start_paused = true)]
async fn what_an_action_needs_must_be_there() {
    let hpc = Hpc::new();
    let (name, group, password) =
        (("User.1.Name", "alice.01"), ("User.1.Group", "users"), ("User.1.Password", PASSWORD));
    let lacking: [(&str, Pairs<'_>); 8] = [
        ("AddUsers", &[]),
        ("AddUsers", &[group, password]),
        ("AddUsers", &[name, password]),
        ("AddUsers", &[name, group]),
        ("ModifyUserGroups", &[name, password]),
        ("ModifyUserPasswords", &[name, group]),
        ("DeleteUsers", &[group]),
        ("DeleteUsers", &[]),
    ];
    for (action, pairs) in lacking {
        refused(&hpc.v2018(action, pairs).await, 400, "InvalidParams");
    }
    refused(&hpc.v2024("CreateUsers", &[]).await, 400, "MissingUser");
    refused(&hpc.v2024("UpdateUser", &[("Group", "users")]).await, 400, "MissingUserName");
    for users in ["[]", "{}", "alice", r#"["alice"]"#, r#"[{"UserName": 1}]"#, r#"[{"Group": "users"}]"#] {
        refused(&hpc.v2024("DeleteUsers", &[("User", users)]).await, 400, "InvalidParams");
    }
    refused(&hpc.send("GET", "2018-04-12", "AddUsers", &[name, group, password], &[]).await, 400, "MissingClusterId");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_parameter_of_an_action_is_passed_over() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users")]).await;
    let all = |group, password| [("User.1.Name", "alice.01"), ("User.1.Group", group), ("User.1.Password", password)];
    assert!(succeeded(&hpc.v2018("ModifyUserGroups", &all("wheel", NEXT)).await));
    assert_eq!((hpc.truth(), hpc.password("alice.01").as_deref()), (vec!["alice.01:wheel".to_owned()], Some(PASSWORD)));
    assert!(succeeded(&hpc.v2018("ModifyUserPasswords", &all("users", NEXT)).await));
    assert_eq!((hpc.truth(), hpc.password("alice.01").as_deref()), (vec!["alice.01:wheel".to_owned()], Some(NEXT)));
    assert!(succeeded(&hpc.v2018("DeleteUsers", &all("root", "short")).await));
}

#[tokio::test(start_paused = true)]
async fn users_are_numbered_from_one_without_gaps_in_any_order() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users"), ("bob.admin", "users")]).await;
    for names in [["User.0.Name", "User.1.Name"], ["User.2.Name", "User.3.Name"], ["User.1.Name", "User.3.Name"]] {
        let pairs = [(names[0], "alice.01"), (names[1], "bob.admin")];
        refused(&hpc.v2018("DeleteUsers", &pairs).await, 400, "InvalidParams");
    }
    for name in ["User.x.Name", "User.Name", "User.1"] {
        let pairs = [("User.1.Name", "alice.01"), (name, "bob.admin")];
        refused(&hpc.v2018("DeleteUsers", &pairs).await, 400, "InvalidParams");
    }
    let pairs = [("User.2.Name", "alice.01"), ("User.1.Name", "bob.admin")];
    assert!(succeeded(&hpc.v2018("DeleteUsers", &pairs).await));
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_a_hundred_users_and_twenty_where_they_are_created() {
    let hpc = Hpc::new();
    let names: Vec<String> = (0..101).map(|n| format!("user.{n}")).collect();
    let users: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "users")).collect();
    refused(&hpc.add(&users).await, 400, "InvalidParams");
    refused(&hpc.create(&users[..21]).await, 400, "InvalidParams");
    assert!(succeeded(&hpc.create(&users[..20]).await));
    assert!(succeeded(&hpc.add(&users[20..]).await));
    assert!(succeeded(&hpc.regroup(&users[..100]).await));
    let json_of =
        |names: &[String]| json!(names.iter().map(|n| json!({"UserName": n})).collect::<Vec<_>>()).to_string();
    refused(&hpc.v2024("DeleteUsers", &[("User", &json_of(&names))]).await, 400, "InvalidParams");
    assert!(succeeded(&hpc.v2024("DeleteUsers", &[("User", &json_of(&names[..100]))]).await));
    assert_eq!(hpc.truth(), ["user.100:users"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_names_a_user_twice_is_refused() {
    let hpc = Hpc::new();
    refused(&hpc.add(&[("alice.01", "users"), ("alice.01", "wheel")]).await, 400, "InvalidParams");
    assert!(hpc.truth().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_batch_with_a_culprit_is_done_in_part_or_not_at_all() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users")]).await;
    let batch = [("alice.01", "wheel"), ("bob.admin", "users")];
    refused(&hpc.add(&batch).await, 409, "PartFailure");
    assert_eq!(hpc.truth(), ["alice.01:users", "bob.admin:users"]);
    refused(&hpc.add(&batch).await, 406, &account("UserAlreadyExist"));
    hpc.delete(&["bob.admin"]).await;
    hpc.turn(|s| s.batch = Batch::Atomic);
    refused(&hpc.create(&batch).await, 406, &account("UserAlreadyExist"));
    refused(&hpc.delete(&["alice.01", "bob.admin"]).await, 406, &account("UserNotExist"));
    assert_eq!(hpc.truth(), ["alice.01:users"]);
}

#[tokio::test(start_paused = true)]
async fn adding_a_user_who_is_there_is_refused_or_replaces_group_and_password() {
    let hpc = Hpc::new();
    hpc.add(&[("alice.01", "users")]).await;
    refused(&add_one(&hpc, "alice.01", "wheel", NEXT).await, 406, &account("UserAlreadyExist"));
    assert_eq!(
        (hpc.truth().remove(0), hpc.password("alice.01").as_deref()),
        ("alice.01:users".to_owned(), Some(PASSWORD))
    );
    hpc.turn(|s| s.add_existing = AddExisting::Ok);
    assert!(succeeded(&add_one(&hpc, "alice.01", "wheel", NEXT).await));
    assert_eq!((hpc.truth().remove(0), hpc.password("alice.01").as_deref()), ("alice.01:wheel".to_owned(), Some(NEXT)));
}

#[tokio::test(start_paused = true)]
async fn deleting_a_user_who_is_not_there_is_refused_in_two_ways_or_accepted() {
    let hpc = Hpc::new();
    refused(&hpc.delete(&["nobody"]).await, 406, &account("UserNotExist"));
    hpc.turn(|s| s.delete_absent = DeleteAbsent::DeleteFailure);
    refused(&hpc.delete(&["nobody"]).await, 406, &account("UserDeleteFailure"));
    hpc.turn(|s| s.delete_absent = DeleteAbsent::Ok);
    assert!(succeeded(&hpc.delete(&["nobody"]).await));
}

#[tokio::test(start_paused = true)]
async fn changing_a_user_who_is_not_there_is_refused_in_two_ways() {
    let hpc = Hpc::new();
    let password = [("User.1.Name", "nobody"), ("User.1.Password", PASSWORD)];
    refused(&hpc.regroup(&[("nobody", "users")]).await, 406, &account("UserNotExist"));
    refused(&hpc.v2018("ModifyUserPasswords", &password).await, 406, &account("UserNotExist"));
    refused(&hpc.update("nobody", &[("Group", "users")]).await, 406, &account("UserNotExist"));
    hpc.turn(|s| s.modify_absent = ModifyAbsent::ModifyFailure);
    refused(&hpc.regroup(&[("nobody", "users")]).await, 406, &account("UserModifyGroupFailure"));
    refused(&hpc.v2018("ModifyUserPasswords", &password).await, 406, &account("UserChangePasswordFailure"));
    refused(&hpc.update("nobody", &[("Group", "users")]).await, 406, &account("UserModifyGroupFailure"));
    refused(&hpc.update("nobody", &[("Password", PASSWORD)]).await, 406, &account("UserChangePasswordFailure"));
    assert!(hpc.truth().is_empty());
}

#[tokio::test(start_paused = true)]
async fn success_is_told_as_a_string_or_as_a_boolean_also_when_it_is_none() {
    let hpc = Hpc::with(|s| s.update_failure = UpdateFailure::SuccessFalse);
    hpc.create(&[("al", "users")]).await;
    for (told_as, yes, no) in
        [(SuccessAs::String, json!("true"), json!("false")), (SuccessAs::Boolean, json!(true), json!(false))]
    {
        hpc.turn(|s| s.success_as = told_as);
        let good = hpc.update("al", &[("Group", "wheel")]).await;
        let bad = hpc.update("nobody", &[("Group", "wheel")]).await;
        assert_eq!((good.status, &good.json()["Success"]), (200, &yes));
        assert_eq!((bad.status, &bad.json()["Success"]), (200, &no));
        assert!(!hpc.last_entry().succeeded);
    }
    assert_eq!(hpc.truth(), ["al:wheel"]);
}

#[tokio::test(start_paused = true)]
async fn names_that_differ_in_case_are_two_users_or_one_in_lower_case() {
    let hpc = Hpc::new();
    assert!(succeeded(&hpc.add(&[("Alice.01", "users"), ("alice.01", "wheel")]).await));
    assert_eq!(hpc.truth(), ["Alice.01:users", "alice.01:wheel"]);
    let hpc = Hpc::with(|s| s.names = UserNames::CaseInsensitive);
    assert!(succeeded(&hpc.add(&[("Alice.01", "users")]).await));
    assert_eq!(hpc.truth(), ["alice.01:users"]);
    refused(&hpc.add(&[("ALICE.01", "users")]).await, 406, &account("UserAlreadyExist"));
    assert_eq!(hpc.password("ALICE.01").as_deref(), Some(PASSWORD));
    assert!(succeeded(&hpc.delete(&["aLICE.01"]).await));
    assert!(hpc.truth().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deleted_users_password_is_not_there_when_the_name_comes_back() {
    let hpc = Hpc::with(|s| s.visible_after_ms = 30_000);
    hpc.add(&[("alice.01", "users")]).await;
    hpc.delete(&["alice.01"]).await;
    assert_eq!(hpc.password("alice.01"), None);
    hpc.cloud.simulator.outside_set(CLUSTER, "alice.01", &["users"]).unwrap();
    assert_ne!(hpc.password("alice.01").as_deref(), Some(PASSWORD));
}

#[tokio::test(start_paused = true)]
async fn a_user_made_from_outside_has_a_password_of_its_own_which_edits_keep() {
    let hpc = Hpc::new();
    let simulator = &hpc.cloud.simulator;
    simulator.outside_set(CLUSTER, "al", &["users"]).unwrap();
    simulator.outside_grant(CLUSTER, "bo", &["users"]).unwrap();
    let own = hpc.password("al").unwrap();
    assert_ne!(Some(&own), hpc.password("bo").as_ref());
    simulator.outside_grant(CLUSTER, "al", &["wheel"]).unwrap();
    assert_eq!(hpc.truth(), ["al:wheel", "bo:users"]);
    assert_eq!(hpc.password("al"), Some(own));
    simulator.outside_set_password(CLUSTER, "al", NEXT).unwrap();
    assert_eq!(hpc.password("al").as_deref(), Some(NEXT));
    simulator.outside_remove(CLUSTER, "al").unwrap();
    assert_eq!(hpc.password("al"), None);
    assert!(simulator.outside_set_password(CLUSTER, "al", NEXT).is_err());
    // Names that no call would take can be changed and deleted by calls.
    assert!(succeeded(&hpc.regroup(&[("bo", "wheel")]).await));
    assert!(succeeded(&hpc.delete(&["bo"]).await));
}

#[tokio::test(start_paused = true)]
async fn an_account_that_the_domain_does_not_take_fails_alone_or_as_a_part_of_a_batch() {
    let hpc = Hpc::new();
    hpc.cloud.simulator.add_unknown_user("ghost.01");
    let reply = hpc.add(&[("ghost.01", "users")]).await;
    refused(&reply, 406, &account("UserAddFailure"));
    let reply = hpc.add(&[("alice.01", "users"), ("ghost.01", "users")]).await;
    refused(&reply, 409, "PartFailure");
    assert_eq!(hpc.truth(), ["alice.01:users"]);
}

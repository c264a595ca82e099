//! Who waits for whom when there is more to do than calls may be made.

use std::collections::BTreeSet;
use std::fmt::Write;

use kube::api::ListParams;

use crate::runner::{Broken, Runner};
use crate::script::Script;
use crate::world::{World, in_virtual_time};

/// A world with two queues, and what there is to do in it.
struct Stage(Runner);

impl Stage {
    async fn begin() -> Self {
        Self::begin_with(&[]).await
    }

    async fn begin_with(settings: &[(String, String)]) -> Self {
        let mut stage = Self(Runner::begin(World::pure(settings)).await);
        stage.play("cloud queue etl\ncloud queue lake").await;
        stage
    }

    async fn play(&mut self, script: &str) {
        if let Err(Broken(what)) = self.0.play(&Script::parse("pressure", script)).await {
            panic!("{what}");
        }
    }

    fn now(&self) -> u64 {
        self.0.world.simulator.journal_last()
    }

    /// Writes since then, in order.
    fn writes(&self, since: u64) -> Vec<String> {
        self.0.journal(since).into_iter().filter(|call| !call.starts_with("List")).collect()
    }

    fn lists(&self, since: u64) -> usize {
        self.0.journal(since).iter().filter(|call| call.starts_with("List")).count()
    }

    async fn ready(&self) -> usize {
        let objects = self.0.api("QueueGrant", &self.0.world.namespace).list(&ListParams::default()).await.unwrap();
        let is_ready = |object: &&kube::api::DynamicObject| object.data["status"]["conditions"][0]["status"] == "True";
        objects.items.iter().filter(is_ready).count()
    }

    /// How many other writes went on a target after that moment and before the revocation of `alice`, which was sent.
    fn before_the_revocation(&self, since: u64, target: &str) -> usize {
        let writes = self.writes(since);
        let at = writes.iter().position(|call| call.contains("revoke alice"));
        let at = at.unwrap_or_else(|| panic!("alice keeps her access: {writes:?}"));
        writes[..at].iter().filter(|call| call.contains(target)).count()
    }
}

fn grants(queue: &str, users: impl IntoIterator<Item = usize>) -> String {
    let mut script = String::new();
    for user in users {
        script += &grant(queue, &format!("u{user:04}"));
    }
    script
}

fn grant(queue: &str, user: &str) -> String {
    format!(
        "apply\n  kind: QueueGrant\n  metadata: {{name: {user}}}\n  spec: {{queueName: {queue}, userName: {user}, \
         privileges: [SUBMIT_JOB]}}\n"
    )
}

const PACED: &str = "patch CloudAccount huawei\n  spec: {requestsPerSecond: 1}\n";

#[test]
fn a_deletion_goes_before_the_grants_that_wait_on_its_target_and_on_others() {
    for queue in ["etl", "lake"] {
        in_virtual_time(async {
            let mut stage = Stage::begin().await;
            stage.play(&(grant(queue, "alice") + "expect alice ready=True reason=Granted\n" + PACED)).await;
            stage.play("patch CloudAccount huawei\n  spec: {requestsPerSecond: 2}").await;
            stage.play(&(grants("etl", 0..300) + "wait 30s")).await;
            let now = stage.now();
            // A call under way, a list of two pages, and the revocation: two seconds at this pace.
            stage.play("delete QueueGrant alice\nwait 3s").await;
            assert!(stage.before_the_revocation(now, queue) <= 1, "{:?}", stage.writes(now));
        });
    }
}

#[test]
fn who_was_granted_a_moment_ago_is_revoked_before_others_are_granted_or_looked_at() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        let mut script = PACED.to_owned() + "wait 10s\n" + &grant("etl", "alice") + &grants("etl", 0..30);
        for queue in 0..12 {
            write!(
                script,
                "cloud queue q{queue}\n{}",
                grants(&format!("q{queue}"), queue * 30 + 100..queue * 30 + 130)
            )
            .unwrap();
        }
        let start = stage.now();
        stage.play(&script).await;
        while !stage.writes(start).iter().any(|call| call.contains("grant alice")) {
            stage.play("wait 100ms").await;
        }
        let now = stage.now();
        stage.play("wait 21s\ndelete QueueGrant alice\nwait 5s").await;
        stage.before_the_revocation(now, "etl");
    });
}

#[test]
fn access_that_expires_while_its_target_rests_is_taken_away_in_time() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        stage.play(&(grant("etl", "alice") + &grant("etl", "bob") + "wait 10s")).await;
        let until = stage.0.world.now() + jiff::SignedDuration::from_secs(25);
        stage.play(&format!("patch QueueGrant alice\n  spec: {{validUntil: \"{until:.0}\"}}\nwait 12s")).await;
        stage
            .play(r#"cloud fault {"operation": "ListQueueUsers", "times": null, "action": {"delay_ms": 10000}}"#)
            .await;
        let now = stage.now();
        stage.play("ask for looks at QueueGrant bob\nwait 25s").await;
        assert_eq!(stage.before_the_revocation(now, "etl"), 0);
    });
}

#[test]
fn what_was_edited_after_its_step_is_not_granted_as_it_was() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        let delay = |operation: &str, seconds: u32| {
            let action = format!("{{\"delay_ms\": {seconds}000}}");
            format!("cloud fault {{\"operation\": \"{operation}\", \"times\": null, \"action\": {action}}}\n")
        };
        stage.play(&(delay("ListQueueUsers", 10) + &delay("AuthorizeQueueUser", 1))).await;
        let start = stage.now();
        stage.play(&(grants("etl", 0..400) + "wait 13s")).await;
        stage.play("patch QueueGrant u0350\n  spec: {privileges: [CANCEL_JOB]}\nwait 10m").await;
        let writes = stage.writes(start);
        let of_edited: Vec<_> = writes.iter().filter(|call| call.contains("u0350")).collect();
        assert_eq!(of_edited, ["AuthorizeQueueUser grant u0350 CANCEL_JOB etl"]);
    });
}

#[test]
fn the_first_of_many_are_ready_long_before_the_last_is_written() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        stage
            .play(r#"cloud fault {"operation": "AuthorizeQueueUser", "times": null, "action": {"delay_ms": 100}}"#)
            .await;
        let start = stage.now();
        stage.play(&(grants("etl", 0..2000) + "wait 2s")).await;
        let (ready, written) = (stage.ready().await, stage.writes(start).len());
        assert!(ready >= 50 && written < 1000, "{ready} are ready, {written} are written");
        stage.play("wait 30s").await;
        assert_eq!(stage.ready().await, 2000);
    });
}

#[test]
fn a_target_is_not_listed_more_than_half_of_the_time_whatever_happens_on_it() {
    for stuck in [false, true] {
        in_virtual_time(async {
            let mut stage = Stage::begin().await;
            stage.play(&(grant("etl", "alice") + &grant("etl", "bob") + "wait 10s")).await;
            let mut script = String::new();
            if stuck {
                script += "cloud fault {\"operation\": \"AuthorizeQueueUser\", \"times\": null, \"action\": {\"answer\": \
                           {\"status\": 403, \"code\": \"DLI.0003\", \"message\": \"no\"}}}\ndelete QueueGrant bob\nwait 5m\n";
            }
            script +=
                "cloud fault {\"operation\": \"ListQueueUsers\", \"times\": null, \"action\": {\"delay_ms\": 1000}}\n";
            stage.play(&(script + "ask for looks at QueueGrant alice\nwait 10s")).await;
            let now = stage.now();
            stage.play("wait 1m").await;
            let lists = stage.lists(now);
            assert!((20..=32).contains(&lists), "{lists} lists of a second each in a minute; stuck: {stuck}");
        });
    }
}

#[test]
fn a_pass_that_was_cut_short_is_followed_by_one_that_goes_on_there() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        let mut script =
            r#"cloud fault {"operation": "AuthorizeQueueUser", "times": null, "action": {"delay_ms": 1000}}"#
                .to_owned();
        write!(script, "\nobjects refuse patches").unwrap();
        (0..100).for_each(|user| write!(script, " u{user:04}").unwrap());
        let start = stage.now();
        stage.play(&(script + "\n" + &grants("etl", 0..900) + "wait 70s")).await;
        let writes = stage.writes(start);
        assert_eq!(writes.iter().collect::<BTreeSet<_>>().len(), writes.len(), "nobody is written twice");
        assert_eq!(stage.ready().await, 800, "in {} writes", writes.len());
        let lists = stage.lists(start);
        assert!(lists < 150, "{lists} pages: two passes that follow each other read the list once between them");
    });
}

/// Fails when what a pass has recorded for those whom it does not get to is of no use to the next, or is believed for ever.
#[test]
fn a_pass_that_goes_on_reads_nobody_again_whom_the_last_one_has_just_recorded() {
    for (seconds, reads) in [(1, 0..=0), (3, 300..=600)] {
        in_virtual_time(async {
            let mut stage = Stage::begin().await;
            let delay = format!(r#""action": {{"delay_ms": {seconds}000}}"#);
            let fault = format!(r#"cloud fault {{"operation": "AuthorizeQueueUser", "times": null, {delay}}}"#);
            stage.play(&format!("{fault}\n{}wait 4m", grants("etl", 0..600))).await;
            assert_eq!(stage.ready().await, 600);
            let requests = stage.0.world.store().unwrap().requests("operator");
            let read = requests.iter().filter(|it| it.starts_with("get") && it.contains("/queuegrants/")).count();
            assert!(reads.contains(&read), "{read} of those whose writes take {seconds} s");
        });
    }
}

#[test]
fn grants_do_not_starve_behind_revocations_that_fail_slowly() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        stage.play(&(grants("etl", 0..120) + "wait 10s")).await;
        assert_eq!(stage.ready().await, 120);
        for user in 0..120 {
            let fault = format!(
                "cloud fault {{\"operation\": \"AuthorizeQueueUser\", \"principal\": \"u{user:04}\", \"times\": null, \
                 \"action\": \"hang\"}}\n"
            );
            stage.play(&fault).await;
        }
        let start = stage.now();
        let mut script = grants("etl", 500..700);
        (0..120).for_each(|user| writeln!(script, "delete QueueGrant u{user:04}").unwrap());
        stage.play(&(script + "wait 300s")).await;
        let granted = stage.writes(start).iter().filter(|call| call.contains("grant u0")).count();
        assert!(granted >= 100, "{granted} are granted");
    });
}

#[test]
fn grants_do_not_starve_behind_deletions_that_come_one_by_one() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        stage.play(&(grants("etl", 0..100) + "wait 30s")).await;
        let start = stage.now();
        stage.play(&("patches take 1s\n".to_owned() + &grants("etl", 500..600))).await;
        for user in 0..100 {
            stage.play(&format!("delete QueueGrant u{user:04}\nwait 300ms")).await;
        }
        let writes = stage.writes(start);
        let count = |what: &str| writes.iter().filter(|call| call.contains(what)).count();
        assert!(count("grant u05") == 100 && count("revoke u00") >= 80, "{writes:?}");
    });
}

#[test]
fn a_new_grant_does_not_wait_for_those_that_were_refused_and_are_tried_again() {
    for beside_suspended in [false, true] {
        in_virtual_time(async {
            let mut stage = Stage::begin().await;
            let mut script = String::new();
            if beside_suspended {
                script += &grant("etl", "carol").replace("{queueName", "{suspend: true, queueName");
            }
            (0..100).for_each(|user| writeln!(script, "cloud unknown user u{user:04}").unwrap());
            stage.play(&(script + &grants("etl", 0..100) + "wait 30s")).await;
            stage
                .play(r#"cloud fault {"operation": "AuthorizeQueueUser", "times": null, "action": {"delay_ms": 1000}}"#)
                .await;
            let now = stage.now();
            while stage.writes(now).len() < 5 {
                stage.play("wait 100ms").await;
            }
            let now = stage.now();
            stage.play(&(grant("etl", "alice") + "wait 4s")).await;
            assert_eq!(stage.ready().await, 1, "{:?}", stage.writes(now));
            let (writes, after) = (stage.writes(now), stage.now());
            let before = writes.iter().position(|call| call.contains("alice")).unwrap();
            stage.play("wait 3m").await;
            let again = stage.writes(after).len();
            assert!(before <= 16 && again >= 100, "{before} under way before, {again} after; {writes:?}");
        });
    }
}

#[test]
fn an_operator_that_starts_lists_each_target_once_however_many_objects_it_has() {
    in_virtual_time(async {
        let mut stage = Stage::begin_with(&[("debounce".to_owned(), "0s".to_owned())]).await;
        let mut script = "cloud switch count_present true\n".to_owned();
        for queue in 0..10 {
            writeln!(script, "cloud queue q{queue}").unwrap();
            script += &grants(&format!("q{queue}"), queue * 60..(queue + 1) * 60);
        }
        stage.play(&(script + "wait 30s")).await;
        assert_eq!(stage.ready().await, 600);
        let now = stage.now();
        stage.play("kill operator\nstart operator\nwait 20s").await;
        assert_eq!((stage.lists(now), stage.writes(now)), (10, Vec::new()));
    });
}

#[test]
fn a_deletion_does_not_wait_until_thousands_that_were_deleted_before_are_let_go() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        stage.play(&(grant("etl", "alice") + &grants("etl", 0..1000) + "wait 60s")).await;
        assert_eq!(stage.ready().await, 1001);
        let mut script = "patches take 1s\n".to_owned();
        (0..1000).for_each(|user| writeln!(script, "delete QueueGrant u{user:04}").unwrap());
        stage.play(&(script + "wait 5s")).await;
        let now = stage.now();
        // A round of patches of 32 at once takes ten seconds, and all of them take thirty.
        stage.play("delete QueueGrant alice\nwait 12s").await;
        assert_eq!(stage.before_the_revocation(now, "etl"), 0);
        stage.play("wait 60s\nexpect alice gone").await;
        assert_eq!(stage.ready().await, 0);
    });
}

/// Fails when the first pass of many writes for as long as others do, or for four times as long as its list took; or when it
/// is cut short as well where a list is long.
#[test]
fn the_first_few_of_very_many_are_listed_after_their_own_writes_if_the_list_is_short() {
    for (list_ms, is_short) in [(200, true), (3000, false)] {
        in_virtual_time(async {
            let mut stage = Stage::begin().await;
            stage.play(&("kill operator\n".to_owned() + &grants("etl", 0..1200))).await;
            let now = stage.now();
            let delay =
                format!(r#"{{"operation": "ListQueueUsers", "times": null, "action": {{"delay_ms": {list_ms}}}}}"#);
            stage.play(&format!("cloud switch latency_ms 200\ncloud fault {delay}\nstart operator\nwait 40s")).await;
            let calls = stage.0.journal(now);
            let written = calls.iter().skip_while(|call| call.starts_with("List"));
            let first = written.take_while(|call| !call.starts_with("List")).count();
            assert!(
                if is_short { first == 100 } else { first > 400 },
                "{list_ms}: {first} writes before the next list"
            );
            stage.play("wait 2m").await;
            assert_eq!(stage.ready().await, 1200);
        });
    }
}

/// Fails when a target rests for as long as its pass took, whatever that was busy with.
#[test]
fn who_comes_while_many_are_written_waits_for_a_rest_as_long_as_lists_take_and_not_writes() {
    in_virtual_time(async {
        let mut stage = Stage::begin().await;
        let delay = r#"{"operation": "ListQueueUsers", "times": null, "action": {"delay_ms": 200}}"#;
        stage.play(&format!("cloud fault {delay}\npatches take 1s\n{}wait 2s", grants("etl", 0..200))).await;
        stage.play(&(grants("etl", 500..505) + "wait 30s")).await;
        assert_eq!(stage.ready().await, 205);
    });
}

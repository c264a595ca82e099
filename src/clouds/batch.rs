//! Writes many items in few calls, and finds those that a call is refused for: a chunk that is refused as a whole is halved
//! until the culprit is alone.

use super::{CloudError, Fault};

/// So many members refused one after the other are no culprits: it is an outage that looks like refusals.
const MOST_IN_A_ROW: usize = 5;

/// Why a chunk was refused.
pub(super) struct Refusal {
    pub(super) error: CloudError,
    /// Some member may be the reason, and the others may be spared it.
    pub(super) blames_a_member: bool,
}

impl Refusal {
    /// Some member may be the reason, whatever kind of error it is.
    pub(super) fn of_a_member(error: CloudError) -> Self {
        Self { error, blames_a_member: true }
    }
}

/// A refusal may be about a member; anything else is about the account, the target or the way there.
impl From<CloudError> for Refusal {
    fn from(error: CloudError) -> Self {
        Self { blames_a_member: is_about_items(&error), error }
    }
}

/// Sends `items` in chunks of at most `most`, one after the other, in order. The results are those of the items, in order.
///
/// # Guarantees
///
/// - A good item succeeds, however many bad ones share its chunk, unless five of them in a row come first that the service
///   refuses without saying that there is no such principal; to find `k` bad ones among `n` takes about `k * log2(n)` calls.
/// - What is not about an item, see [`Refusal`], ends the batch: throttling, an outage, a denial, bad credentials, a target
///   that is not found or not ready, an answer that cannot be relied on. Chunks not yet sent get an error that leads to the
///   same and says that they were not carried out.
/// - Five items that are so refused alone, with no success in between, end the batch as well. Items not yet sent are
///   [`CloudError::Unreachable`].
/// - A chunk that was refused may have been carried out in part. The errors of its members say so, see [`Fault::partly`].
pub(super) async fn in_chunks<'a, T, F>(
    items: &'a [T],
    most: usize,
    send: impl Fn(&'a [T]) -> F,
) -> Vec<Result<(), CloudError>>
where
    F: Future<Output = Result<(), Refusal>>,
{
    let mut results = Vec::with_capacity(items.len());
    // The next one last; with whether it is a part of a chunk that was refused.
    let mut waiting: Vec<(&[T], bool)> = items.chunks(most.max(1)).rev().map(|chunk| (chunk, false)).collect();
    let mut ended: Option<CloudError> = None;
    let mut in_a_row = 0;
    while let Some((chunk, partly)) = waiting.pop() {
        let result = match &ended {
            Some(error) => Err(Refusal { error: error.clone(), blames_a_member: false }),
            None => send(chunk).await,
        };
        match result {
            Ok(()) => {
                in_a_row = 0;
                results.extend(chunk.iter().map(|_| Ok(())));
            }
            Err(refusal) if chunk.len() > 1 && refusal.blames_a_member => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                waiting.extend([(right, true), (left, true)]);
            }
            Err(Refusal { error, blames_a_member }) => {
                if matches!(error, CloudError::PrincipalNotFound { .. }) {
                    // A culprit by name: no outage looks like this.
                    in_a_row = 0;
                } else if blames_a_member {
                    in_a_row += 1;
                    if in_a_row == MOST_IN_A_ROW {
                        ended = Some(not_sent("after five members were refused one after the other", error.fault()));
                    }
                } else {
                    ended.get_or_insert_with(|| not_sent_after(&error));
                }
                let error = if partly { error.partly() } else { error };
                results.extend(chunk.iter().map(|_| Err(error.clone())));
            }
        }
    }
    results
}

fn is_about_items(error: &CloudError) -> bool {
    match error {
        CloudError::Rejected { .. } | CloudError::PrincipalNotFound { .. } => true,
        CloudError::Throttled { .. }
        | CloudError::TurnMissed { .. }
        | CloudError::Unavailable { .. }
        | CloudError::Unreachable { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::AccessDenied { .. }
        | CloudError::TargetNotFound { .. }
        | CloudError::TargetNotReady { .. }
        | CloudError::PoolNotFound { .. }
        | CloudError::UnexpectedReply { .. } => false,
    }
}

/// What a chunk gets that is not sent because an earlier one ended the batch: never an error of which it is left open
/// whether the call was carried out.
pub(super) fn not_sent_after(error: &CloudError) -> CloudError {
    match error {
        CloudError::Unavailable { fault } | CloudError::UnexpectedReply { fault } => {
            not_sent("because an earlier call failed", fault)
        }
        CloudError::Throttled { .. }
        | CloudError::TurnMissed { .. }
        | CloudError::Unreachable { .. }
        | CloudError::CredentialsRejected { .. }
        | CloudError::AccessDenied { .. }
        | CloudError::TargetNotFound { .. }
        | CloudError::TargetNotReady { .. }
        | CloudError::PoolNotFound { .. }
        | CloudError::PrincipalNotFound { .. }
        | CloudError::Rejected { .. } => error.clone(),
    }
}

fn not_sent(why: &str, fault: &Fault) -> CloudError {
    let message = format!("not sent, {why}: {}", fault.message);
    CloudError::Unreachable { fault: Fault { message, ..fault.clone() } }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    use futures::executor::block_on;
    use proptest::prelude::*;

    use super::*;

    fn rejected() -> CloudError {
        CloudError::Rejected { fault: Fault::of("grant", "bad") }
    }

    /// Sends `0..items`; refuses chunks with a bad item. Returns the results and the chunks that were sent.
    fn send(items: usize, most: usize, bad: &BTreeSet<usize>) -> (Vec<Result<(), CloudError>>, Vec<Vec<usize>>) {
        let items: Vec<usize> = (0..items).collect();
        let sent = RefCell::new(Vec::new());
        let results = block_on(in_chunks(&items, most, |chunk| {
            sent.borrow_mut().push(chunk.to_vec());
            let refused = chunk.iter().any(|item| bad.contains(item));
            async move { if refused { Err(rejected().into()) } else { Ok(()) } }
        }));
        (results, sent.into_inner())
    }

    /// Sends `0..4` in pairs; the answers are told, and then all is well. Returns the results and how many were sent.
    fn answered(answers: Vec<Result<(), CloudError>>) -> (Vec<Result<(), CloudError>>, usize) {
        let calls = RefCell::new(0);
        let answers = RefCell::new(answers.into_iter());
        let results = block_on(in_chunks(&[0, 1, 2, 3], 2, |_| {
            *calls.borrow_mut() += 1;
            let answer = answers.borrow_mut().next().unwrap_or(Ok(()));
            async move { answer.map_err(Refusal::from) }
        }));
        (results, calls.into_inner())
    }

    #[test]
    fn items_go_in_order_in_chunks_of_at_most_so_many() {
        let (results, sent) = send(5, 2, &BTreeSet::new());
        assert_eq!(results, [const { Ok(()) }; 5]);
        assert_eq!(sent, [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(send(0, 2, &BTreeSet::new()), (vec![], vec![]));
        assert_eq!(send(2, 0, &BTreeSet::new()).1, [[0], [1]], "none is no size");
    }

    #[test]
    fn a_refused_chunk_is_halved_until_the_culprit_is_alone() {
        let (results, sent) = send(6, 4, &BTreeSet::from([2]));
        assert_eq!(results, [Ok(()), Ok(()), Err(rejected().partly()), Ok(()), Ok(()), Ok(())]);
        assert_eq!(sent, [vec![0, 1, 2, 3], vec![0, 1], vec![2, 3], vec![2], vec![3], vec![4, 5]]);
    }

    #[test]
    fn what_was_refused_alone_from_the_start_was_not_carried_out() {
        let (results, _) = send(1, 4, &BTreeSet::from([0]));
        assert_eq!(results, [Err(rejected())]);
    }

    #[test]
    fn an_unknown_principal_is_looked_for_like_any_culprit() {
        let unknown = CloudError::PrincipalNotFound { fault: Fault::of("grant", "who?") };
        let (results, calls) = answered(vec![Err(rejected()), Ok(()), Err(unknown.clone())]);
        assert_eq!((results, calls), (vec![Ok(()), Err(unknown.partly()), Ok(()), Ok(())], 4));
    }

    #[test]
    fn what_is_not_about_an_item_ends_the_batch_and_what_was_not_sent_was_not_carried_out() {
        let fault = || Fault::of("grant", "words");
        let unsent =
            || CloudError::Unreachable { fault: Fault::of("grant", "not sent, because an earlier call failed: words") };
        for (error, rest) in [
            (CloudError::Throttled { fault: fault(), retry_after: None }, None),
            (CloudError::Unavailable { fault: fault() }, Some(unsent())),
            (CloudError::Unreachable { fault: fault() }, None),
            (CloudError::CredentialsRejected { fault: fault() }, None),
            (CloudError::AccessDenied { fault: fault() }, None),
            (CloudError::TargetNotFound { fault: fault() }, None),
            (CloudError::TargetNotReady { fault: fault() }, None),
            (CloudError::PoolNotFound { fault: fault() }, None),
            (CloudError::UnexpectedReply { fault: fault() }, Some(unsent())),
        ] {
            let rest = rest.unwrap_or_else(|| error.clone());
            let (results, calls) = answered(vec![Err(error.clone())]);
            let whole = [Err(error.clone()), Err(error.clone()), Err(rest.clone()), Err(rest.clone())];
            assert_eq!((results, calls), (whole.to_vec(), 1), "{error:?}");

            let (results, calls) = answered(vec![Err(rejected()), Err(error.clone())]);
            let halved =
                [Err(error.clone().partly()), Err(rest.clone().partly()), Err(rest.clone()), Err(rest.clone())];
            assert_eq!((results, calls), (halved.to_vec(), 2), "{error:?}");
        }
    }

    #[test]
    fn a_failure_that_blames_a_member_spares_the_others_and_stays_what_it_is() {
        let failed = || CloudError::Unavailable { fault: Fault::of("grant", "bad") };
        let results = block_on(in_chunks(&[0, 1, 2, 3], 4, |chunk| {
            let bad = chunk.contains(&1);
            async move { if bad { Err(Refusal::of_a_member(failed())) } else { Ok(()) } }
        }));
        assert_eq!(results, [Ok(()), Err(failed().partly()), Ok(()), Ok(())]);
    }

    #[test]
    fn five_culprits_in_a_row_end_the_batch() {
        let unsent = || {
            let words = "not sent, after five members were refused one after the other: bad";
            CloudError::Unreachable { fault: Fault::of("grant", words) }
        };
        let (results, sent) = send(40, 16, &(0..40).collect());
        assert_eq!(results[..5], vec![Err(rejected().partly()); 5]);
        assert_eq!(results[5..16], vec![Err(unsent().partly()); 11]);
        assert_eq!(results[16..], vec![Err(unsent()); 24]);
        assert_eq!(sent.len(), 12, "{sent:?}");
    }

    #[test]
    fn a_success_in_between_shows_that_culprits_are_culprits() {
        let bad = BTreeSet::from([0, 1, 2, 3, 5, 6, 7, 8]);
        let (results, _) = send(12, 12, &bad);
        for (item, result) in results.iter().enumerate() {
            assert_eq!(result.is_err(), bad.contains(&item), "{item}");
        }
    }

    proptest! {
        #[test]
        fn every_item_gets_its_own_result_and_culprits_are_found_in_few_calls(
            items in 0_usize..200,
            most in 1_usize..120,
            bad in prop::collection::btree_set(0_usize..200, 0..12),
            more_bad in prop::option::of((0_usize..200, 0_usize..20)),
        ) {
            let more_bad = more_bad.map_or(0..0, |(first, many)| first..first + many);
            let bad: BTreeSet<usize> = bad.into_iter().chain(more_bad).filter(|item| *item < items).collect();
            let in_a_row = |end: usize| end >= 5 && (end - 5..end).all(|item| bad.contains(&item));
            let end = (5..=items).find(|end| in_a_row(*end)).unwrap_or(items);
            let (results, sent) = send(items, most, &bad);
            prop_assert_eq!(results.len(), items);
            for (item, result) in results.iter().enumerate() {
                prop_assert_eq!(result.is_err(), item >= end || bad.contains(&item), "{}", item);
            }
            prop_assert!(sent.iter().all(|chunk| chunk.len() <= most));
            let depth = usize::try_from(most.next_power_of_two().ilog2()).unwrap_or_default();
            prop_assert!(sent.len() <= items.div_ceil(most) + 2 * bad.len() * depth);
        }
    }
}

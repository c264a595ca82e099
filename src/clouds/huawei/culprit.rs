//! Who a refused write is about: the principal that it names, or any member of a batch.

use super::classify::is_catch_all;
use crate::clouds::batch::Refusal;
use crate::clouds::{CloudError, Fault};

/// How long a message may be, in characters.
const MESSAGE_LIMIT: usize = 200;

/// "Not found" leaves open what: the target or the principal. How the cloud answers for an unknown principal is
/// unverified, so only a message that names it and not the target counts as one.
pub(super) fn about_the_principal(error: CloudError, target: &str, principal: &str) -> CloudError {
    let message = &error.fault().message;
    let absent = matches!(error, CloudError::TargetNotFound { .. })
        || matches!(error, CloudError::Rejected { .. })
            && ["not exist", "not found"].iter().any(|words| message.contains(words));
    if absent && names(message, principal) && !names(message, target) {
        CloudError::PrincipalNotFound { fault: error.fault().clone() }
    } else {
        error
    }
}

/// A failure for no given reason may be one member's fault: how the cloud answers a batch with an unknown principal is
/// unverified. In an outage that takes a few calls more.
pub(super) fn refusal(error: CloudError) -> Refusal {
    if has_failed(&error) { Refusal::of_a_member(error) } else { error.into() }
}

/// Has the service failed, for no given reason?
pub(super) fn has_failed(error: &CloudError) -> bool {
    matches!(error, CloudError::Unavailable { .. }) && error.code().is_some_and(is_catch_all)
}

/// A refusal for which the vendor gives no reason says so, and what was `asked`, if there is more to it than the operation.
pub(super) fn explained(error: CloudError, asked: &str) -> CloudError {
    if let CloudError::Rejected { fault } = &error
        && fault.message.is_empty()
    {
        let message = format!("no reason given{asked}").chars().take(MESSAGE_LIMIT).collect();
        return CloudError::Rejected { fault: Fault { message, ..fault.clone() } };
    }
    error
}

/// May this error of a write be about the principal itself?
pub(super) fn blames_the_principal(error: &CloudError) -> bool {
    matches!(error, CloudError::Rejected { .. } | CloudError::PrincipalNotFound { .. }) || has_failed(error)
}

/// May it be that all is well in spite of this error of a write, as another look would show?
pub(super) fn is_worth_a_look(error: &CloudError) -> bool {
    blames_the_principal(error) || error.fault().partly
}

/// What becomes of an error that could not be looked into.
pub(super) fn as_bad_as_the_look(error: &CloudError, look: &CloudError) -> CloudError {
    let look = look.clone().after_a_call();
    if error.fault().partly { look.partly() } else { look }
}

/// Does the message have this name in it, as a word of its own?
fn names(message: &str, name: &str) -> bool {
    let (message, name) = (message.to_lowercase(), name.to_lowercase());
    let part_of_a_name = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    message.match_indices(&name).any(|(start, found)| {
        !message[..start].ends_with(part_of_a_name) && !message[start + found.len()..].starts_with(part_of_a_name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_failure_for_no_given_reason_is_blamed_on_a_member_of_a_batch() {
        let unavailable = |code: Option<&str>| CloudError::Unavailable {
            fault: Fault { code: code.map(str::to_owned), ..Fault::of("write", "") },
        };
        for (code, blamed) in
            [(Some("DWS.9999"), true), (Some("DAYU.3531"), true), (Some("DWS.5000"), false), (None, false)]
        {
            assert_eq!(refusal(unavailable(code)).blames_a_member, blamed, "{code:?}");
        }
    }

    #[test]
    fn a_refusal_without_a_reason_says_so_in_few_words_and_another_one_stays_as_it_is() {
        let told = |words: &str, asked: &str| {
            explained(CloudError::Rejected { fault: Fault::of("write", words) }, asked).fault().message.clone()
        };
        assert_eq!(told("", ""), "no reason given");
        assert_eq!(told("", "; asked for roles r1"), "no reason given; asked for roles r1");
        assert_eq!(told("no", "; asked for roles r1"), "no");
        assert_eq!(told("", &"r".repeat(300)).chars().count(), 200);
    }
}

//! Who a refused write is about: the principal that it names, or any member of a batch.

use super::classify::is_catch_all;
use crate::clouds::CloudError;
use crate::clouds::batch::Refusal;

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
    let failed = matches!(error, CloudError::Unavailable { .. }) && error.code().is_some_and(is_catch_all);
    if failed { Refusal::of_a_member(error) } else { error.into() }
}

/// May it be that all is well in spite of this error of a write, as another look would show?
pub(super) fn is_worth_a_look(error: &CloudError) -> bool {
    matches!(error, CloudError::Rejected { .. } | CloudError::PrincipalNotFound { .. })
        || error.fault().partly
        || error.code().is_some_and(is_catch_all)
}

/// What becomes of an error that could not be looked into.
pub(super) fn as_bad_as_the_look(error: &CloudError, look: &CloudError) -> CloudError {
    if error.fault().partly { look.clone().partly() } else { look.clone() }
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
    use crate::clouds::Fault;

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
}

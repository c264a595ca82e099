//! Which passwords E-HPC takes. Checked before anything is sent: the service refuses a whole batch for one bad password.

/// How long a password may be. The pages of 2024-07-30 disagree about the minimum.
const LENGTH: std::ops::RangeInclusive<usize> = 8..=30;
/// The special characters that the pages of both generations agree on, and `_`, which only an old one lacks. Quotes and
/// backticks come mangled in all of them.
const SPECIAL: &str = "()~!@#$%^&*-_+=|{}[]:;/<>,.?";

/// The rule that a password breaks. Says nothing of the password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRule {
    /// Too short or too long.
    #[error("a password has 8 to 30 characters")]
    Length,
    /// A character that the service may not take.
    #[error("a password has letters, digits and the characters {SPECIAL} and no others, so no spaces or quotes")]
    Characters,
    /// Too few kinds of characters.
    #[error("a password has at least three of upper-case letters, lower-case letters, digits and special characters")]
    Classes,
}

/// Checks a password for a user of a cluster, by what the pages "AddUsers", "ModifyUserPasswords", "CreateUsers" and
/// "UpdateUser" have in common.
///
/// # Errors
///
/// The first rule that it breaks.
pub fn check_password(password: &str) -> Result<(), PasswordRule> {
    let special = |c: char| SPECIAL.contains(c);
    if !password.chars().all(|c| c.is_ascii_alphanumeric() || special(c)) {
        return Err(PasswordRule::Characters);
    }
    if !LENGTH.contains(&password.len()) {
        return Err(PasswordRule::Length);
    }
    let upper = password.chars().any(|c| c.is_ascii_uppercase());
    let lower = password.chars().any(|c| c.is_ascii_lowercase());
    let digit = password.chars().any(|c| c.is_ascii_digit());
    let classes = [upper, lower, digit, password.chars().any(special)];
    if classes.into_iter().filter(|class| *class).count() < 3 {
        return Err(PasswordRule::Classes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_has_8_to_30_of_the_allowed_characters_of_at_least_three_kinds() {
        for good in ["Passw0rd", "passw0r+", "PASSW0R?", "Pass-word", "Aa1()~!@#$%^&*-_+=|{}[]:;/<>", "Aa1,.?Aa"] {
            assert_eq!(check_password(good), Ok(()), "{good}");
        }
        for (bad, rule) in [
            ("", PasswordRule::Length),
            ("Passw0r", PasswordRule::Length),
            ("Passw0rdPassw0rdPassw0rdPassw0r", PasswordRule::Length),
            ("Pass w0rd", PasswordRule::Characters),
            ("Pass'w0rd", PasswordRule::Characters),
            ("Pass\"w0rd", PasswordRule::Characters),
            ("Pass`w0rd", PasswordRule::Characters),
            ("Pass\\w0rd", PasswordRule::Characters),
            ("Pässw0rd", PasswordRule::Characters),
            ("Passw0rd\n", PasswordRule::Characters),
            ("password", PasswordRule::Classes),
            ("Password", PasswordRule::Classes),
            ("passw0rd", PasswordRule::Classes),
        ] {
            assert_eq!(check_password(bad), Err(rule), "{bad}");
        }
    }

    #[test]
    fn a_broken_rule_says_what_to_write_and_nothing_of_the_password() {
        let said = check_password("hunter2'").map_or_else(|rule| rule.to_string(), |()| String::new());
        assert!(said.contains("()~!@#$%^&*-_+=|{}[]:;/<>,.?") && !said.contains("hunter2"), "{said}");
    }
}

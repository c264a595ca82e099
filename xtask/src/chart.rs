//! The table of values in the chart's README, from the comments of its `values.yaml`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::failure::{Failure, Result};

/// Between these, the README is written by this.
const BEGIN: &str = "<!-- values: written by `cargo xtask generate` -->\n";
const END: &str = "<!-- end of values -->\n";

/// What begins a comment that tells of the value below it.
const TOLD: &str = "# -- ";

/// The README with a row for each value that has a comment.
pub(crate) fn with_values(readme: &str, values: &str) -> Result<String> {
    let parts = readme.split_once(BEGIN).and_then(|(head, rest)| Some((head, rest.split_once(END)?.1)));
    let (head, tail) = parts.ok_or_else(|| Failure::new("the chart's README has no place for its values"))?;
    let defaults: Value = serde_saphyr::from_str(values)
        .map_err(|error| Failure::new("the chart's values.yaml cannot be read").why(error))?;
    let mut table = String::from("| value | at first | |\n| --- | --- | --- |\n");
    for (path, told) in told(values) {
        let default = path.split('.').fold(&defaults, |value, key| &value[key]);
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{path}` | `{default}` | {} |", told.replace('|', "\\|"));
    }
    Ok(format!("{head}{BEGIN}\n{table}\n{END}{tail}"))
}

/// The path of each value that has a comment, and the comment.
fn told(values: &str) -> Vec<(String, String)> {
    let (mut told, mut above, mut comment) = (Vec::new(), Vec::new(), None::<String>);
    for line in values.lines() {
        let text = line.trim_start();
        if let Some(begins) = text.strip_prefix(TOLD) {
            comment = Some(begins.to_owned());
        } else if let Some(goes_on) = text.strip_prefix('#') {
            if let Some(comment) = &mut comment {
                *comment += goes_on;
            }
        } else if let Some((key, _)) = text.split_once(':') {
            // Two spaces a level.
            above.truncate((line.len() - text.len()) / 2);
            above.push(key);
            told.extend(comment.take().map(|comment| (above.join("."), comment)));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUES: &str = "\
# Not told of.
image:
  # -- Where it is:
  # in a registry.
  repository: here
# -- How many: 1 | 2.
replicas: 1
resources:
  # -- At most.
  limits:
    memory: 1Mi
";

    #[test]
    fn a_value_has_the_row_of_its_comment_and_the_rest_of_the_page_stays() -> Result<()> {
        let page = with_values(&format!("# Chart\n{BEGIN}old\n{END}The end.\n"), VALUES)?;
        let rows = "\
| value | at first | |
| --- | --- | --- |
| `image.repository` | `\"here\"` | Where it is: in a registry. |
| `replicas` | `1` | How many: 1 \\| 2. |
| `resources.limits` | `{\"memory\":\"1Mi\"}` | At most. |
";
        assert_eq!(page, format!("# Chart\n{BEGIN}\n{rows}\n{END}The end.\n"));
        Ok(())
    }

    #[test]
    fn a_page_without_a_place_for_values_is_told_of() {
        let told = with_values("# Chart\n", VALUES).map_err(|failure| failure.to_string());
        assert_eq!(told, Err("the chart's README has no place for its values".into()));
    }
}

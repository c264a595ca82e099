//! The words of the API 2024-07-30: lists as JSON in one parameter, and one action that changes all of one user.
//!
//! The vendor's pages are "CreateUsers", "DeleteUsers", "UpdateUser" and "GetCluster" of the E-HPC API reference.

use http::Method;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::UserChange;
use super::change::{Step, Words};
use crate::clouds::CloudError;
use crate::clouds::alibaba::reply::Answer;

/// The action that tells whether there is a cluster, its method, and where its answer has a cluster.
pub(super) const CLUSTER: (&str, Method, &str) = ("GetCluster", Method::POST, "/ClusterStatus");

/// How a step is made for these users; the steps that update take one.
pub(super) fn words(step: Step, users: &[&UserChange]) -> Words {
    match step {
        Step::Delete => list("DeleteUsers", Method::GET, users.iter().map(|user| json!({"UserName": user.name}))),
        Step::Add => list(
            "CreateUsers",
            Method::POST,
            users.iter().map(|user| {
                let password = user.password.as_ref().map(ExposeSecret::expose_secret);
                json!({"UserName": user.name, "Group": user.after, "Password": password})
            }),
        ),
        Step::Regroup | Step::SetPassword => {
            let mut parameters = Vec::new();
            for user in users {
                let mut give = |name: &str, value: &str| parameters.push((name.to_owned(), value.to_owned()));
                give("UserName", &user.name);
                if let (Step::Regroup, Some(group)) = (step, &user.after) {
                    give("Group", group);
                }
                if let Some(password) = &user.password {
                    give("Password", password.expose_secret());
                }
            }
            Words { action: "UpdateUser", method: Method::POST, parameters, confirm: updated }
        }
    }
}

fn list(action: &'static str, method: Method, users: impl Iterator<Item = Value>) -> Words {
    let users = Value::Array(users.collect()).to_string();
    Words { action, method, parameters: vec![("User".to_owned(), users)], confirm: |_| Ok(()) }
}

/// An update says with `Success` how it went, in quotes or not.
fn updated(answer: &Answer) -> Result<(), CloudError> {
    match answer.json.get("Success") {
        Some(Value::Bool(true)) => Ok(()),
        Some(Value::String(word)) if word.eq_ignore_ascii_case("true") => Ok(()),
        _ => Err(answer.unexpected("the answer does not say that it was done")),
    }
}

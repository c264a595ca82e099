//! The words of the API 2018-04-12: flat lists (`User.1.Name`), and one action for each thing that changes.
//!
//! The vendor's pages are "AddUsers", "DeleteUsers", "ModifyUserGroups", "ModifyUserPasswords" and "DescribeCluster" of the
//! E-HPC 1.0 API reference.

use http::Method;
use secrecy::ExposeSecret;

use super::UserChange;
use super::change::{Step, Words};

/// The action that tells whether there is a cluster, its method, and where its answer has a cluster.
pub(super) const CLUSTER: (&str, Method, &str) = ("DescribeCluster", Method::GET, "/ClusterInfo");

/// How a step is made for these users.
pub(super) fn words(step: Step, users: &[&UserChange]) -> Words {
    let (action, with_group, with_password) = match step {
        Step::Delete => ("DeleteUsers", false, false),
        Step::Regroup => ("ModifyUserGroups", true, false),
        Step::Add => ("AddUsers", true, true),
        Step::SetPassword => ("ModifyUserPasswords", false, true),
    };
    let mut parameters = Vec::new();
    for (number, user) in (1..).zip(users) {
        let mut give = |field: &str, value: &str| parameters.push((format!("User.{number}.{field}"), value.to_owned()));
        give("Name", &user.name);
        if let (true, Some(group)) = (with_group, &user.after) {
            give("Group", group);
        }
        if let (true, Some(password)) = (with_password, &user.password) {
            give("Password", password.expose_secret());
        }
    }
    Words { action, method: if with_password { Method::POST } else { Method::GET }, parameters, confirm: |_| Ok(()) }
}

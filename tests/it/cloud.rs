//! What happens to the clouds in a scenario, beside the operator.

use serde_json::json;

use crate::runner::Runner;

impl Runner {
    /// Does something to the cloud, in the words of a scenario.
    pub(crate) fn cloud(&self, what: &[&str], rest: &str) -> Result<(), String> {
        let simulator = &self.world.simulator;
        let said = |result: Result<(), simulator::NoSuchTarget>| result.map_err(|_| "no such target".to_owned());
        let there = |there: bool| if there { Ok(()) } else { Err("no such target, or it is there already".to_owned()) };
        match what {
            ["queue", queue] => drop(simulator.create_queue(queue, simulator::QueueKind::Sql)),
            ["cluster", cluster, "with", pools @ ..] => {
                there(simulator.create_dws_cluster(cluster))?;
                pools.iter().try_for_each(|pool| said(simulator.create_pool(cluster, pool).map(drop)))?;
            }
            ["pool", pool, "on", cluster] => said(simulator.create_pool(cluster, pool).map(drop))?,
            ["no", "pool", pool, "on", cluster] => said(simulator.remove_pool(cluster, pool).map(drop))?,
            ["workspace", workspace] => there(simulator.create_workspace(workspace))?,
            ["hpc", "cluster", cluster] => there(simulator.create_hpc_cluster(cluster))?,
            ["hpc", "cluster", cluster, "of", "2024"] => {
                there(simulator.create_hpc_cluster_visible_to(cluster, simulator::ehpc::VisibleTo::V2024))?;
            }
            ["status", cluster, status] => said(simulator.set_hpc_status(cluster, status))?,
            ["no", "target", target] => there(simulator.remove_target(target))?,
            ["grant", user, strings @ .., "on", target] => said(simulator.outside_grant(target, user, strings))?,
            ["password", user, "on", cluster, password] => {
                said(simulator.outside_set_password(cluster, user, password))?;
            }
            ["revoke", "tokens"] => drop(simulator.revoke_tokens()),
            ["revoke", user, strings @ .., "on", target] => {
                let held = simulator.users(target).ok_or("no such target")?.remove(*user).unwrap_or_default();
                let left: Vec<_> = held.iter().map(String::as_str).filter(|held| !strings.contains(held)).collect();
                said(if left.is_empty() {
                    simulator.outside_remove(target, user)
                } else {
                    simulator.outside_set(target, user, &left)
                })?;
            }
            ["administrator", user, "on", target] => said(simulator.outside_set_administrator(target, user))?,
            ["unknown", "user", user] => simulator.add_unknown_user(user),
            ["known", "user", user] => simulator.remove_unknown_user(user),
            ["no", "faults"] => simulator.clear_faults(),
            ["fault", ..] => {
                let fault = rest.split_once(' ').map_or("", |(_, json)| json);
                simulator.add_fault(serde_json::from_str(fault).map_err(|error| error.to_string())?);
            }
            ["switch", name, value] => {
                let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
                let patch = name.rsplit('.').fold(value, |value, name| json!({name: value}));
                simulator.patch_switches(patch).map_err(|error| error.to_string())?;
            }
            ["key", id, secret, token @ ..] => simulator.set_access_key(simulator::AccessKey {
                id: (*id).to_owned(),
                secret: (*secret).to_owned(),
                security_token: token.first().map(|token| (*token).to_owned()),
            }),
            ["no", "key", id] => drop(simulator.remove_access_key(id)),
            _ => return Err("no such thing can be done to the cloud".to_owned()),
        }
        Ok(())
    }
}

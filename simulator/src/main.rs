//! The simulator as a process: binds a loopback address, says on stdout how to reach it, and serves.

use std::io::{self, Write};
use std::net::SocketAddr;

use clap::Parser;
use serde_json::json;
use simulator::{AccessKey, IamUser, QueueKind, Settings, Simulator};
use tokio::net::TcpListener;

/// Stand-ins for the clouds, for tests and demos. Prints one line of JSON, then serves until killed.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Loopback address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Region, which is also the project's name.
    #[arg(long)]
    region: Option<String>,
    /// Project id.
    #[arg(long)]
    project_id: Option<String>,
    /// Access key id.
    #[arg(long)]
    access_key_id: Option<String>,
    /// Secret access key.
    #[arg(long)]
    secret_access_key: Option<String>,
    /// Makes the access key a temporary one, which needs this token.
    #[arg(long)]
    security_token: Option<String>,
    /// IAM domain name.
    #[arg(long)]
    domain_name: Option<String>,
    /// IAM user name.
    #[arg(long)]
    user_name: Option<String>,
    /// Password of the IAM user.
    #[arg(long)]
    password: Option<String>,
    /// A queue to start with, `name` or `name:general`; may be repeated.
    #[arg(long)]
    queue: Vec<String>,
    /// Switches to start with, as a JSON object.
    #[arg(long)]
    switches: Option<String>,
}

impl Options {
    fn settings(&self) -> Result<Settings, serde_json::Error> {
        let default = Settings::default();
        let or = |given: &Option<String>, default: String| given.clone().unwrap_or(default);
        let keys = default.access_keys.into_iter().map(|key| AccessKey {
            id: or(&self.access_key_id, key.id),
            secret: or(&self.secret_access_key, key.secret),
            security_token: self.security_token.clone(),
        });
        let users = default
            .iam_users
            .into_iter()
            .map(|user| IamUser { name: or(&self.user_name, user.name), password: or(&self.password, user.password) });
        let switches = self.switches.as_deref().map(serde_json::from_str);
        Ok(Settings {
            project_id: or(&self.project_id, default.project_id),
            region: or(&self.region, default.region),
            domain_name: or(&self.domain_name, default.domain_name),
            access_keys: keys.collect(),
            iam_users: users.collect(),
            switches: switches.transpose()?.unwrap_or_default(),
            ..default
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = Options::parse();
    if !options.listen.ip().is_loopback() {
        return Err("the simulator listens on loopback addresses only".into());
    }
    let settings = options.settings()?;
    let simulator = Simulator::new(settings.clone());
    for queue in &options.queue {
        match queue.strip_suffix(":general") {
            Some(name) => simulator.create_queue(name, QueueKind::General),
            None => simulator.create_queue(queue, QueueKind::Sql),
        };
    }
    let listener = TcpListener::bind(options.listen).await?;
    announce(listener.local_addr()?, &settings)?;
    axum::serve(listener, simulator.router()).await?;
    Ok(())
}

/// The credentials are inventions of this process: whoever started it needs them.
fn announce(address: SocketAddr, settings: &Settings) -> io::Result<()> {
    let key = settings.access_keys.first();
    let user = settings.iam_users.first();
    let alibaba = settings.alibaba_keys.first();
    let line = json!({
        "address": address,
        "url": format!("http://{address}"),
        "region": settings.region,
        "project_id": settings.project_id,
        "access_key_id": key.map(|key| &key.id),
        "secret_access_key": key.map(|key| &key.secret),
        "security_token": key.and_then(|key| key.security_token.as_ref()),
        "domain_name": settings.domain_name,
        "user_name": user.map(|user| &user.name),
        "password": user.map(|user| &user.password),
        "alibaba_access_key_id": alibaba.map(|key| &key.id),
        "alibaba_access_key_secret": alibaba.map(|key| &key.secret),
        "alibaba_region": settings.alibaba_region,
        "pod_identity_url": format!("http://{address}/v1/credentials"),
        "pod_token": settings.pod_token,
        "role_arn": settings.role_arn,
        "oidc_provider_arn": settings.oidc_provider_arn,
    });
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{line}")?;
    stdout.flush()
}

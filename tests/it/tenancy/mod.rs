//! What ClusterCloudAccounts allow and deny, by an oracle that was written from the page alone.

mod oracle;

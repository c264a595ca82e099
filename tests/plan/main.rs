//! The planning rule: by example, under every interleaving of edits and faults, on random walks through larger worlds,
//! and with faults planted in it, to see that all of this would notice.

use cloud_access_operator::plan;

mod examples;
mod exploration;
mod explore;
mod mutants;
mod properties;

//! Measures the operator against a bare client, in the same run: `cargo xtask bench`.
//!
//! | module | what for |
//! | --- | --- |
//! | [`kinds`], [`workload`] | what is measured: objects, kinds, targets |
//! | [`bench`](mod@bench) | what every scenario has at hand, and the stage of one measurement |
//! | [`cluster`], [`view`] | the API server: writes, and what a watch sees |
//! | `etcd` | what the API server keeps objects in, beneath it |
//! | [`simulator`], [`cloud`] | the clouds: the simulator's admin API and journal, the library's clients |
//! | [`operator`], [`process`] | the binary, and what it costs |
//! | [`settled`] | what an operator would have left behind |
//! | [`bare`] | the clients that it is measured against |
//! | [`scenarios`] | what is done, and which rows come of it |
//! | [`results`], [`document`] | rows, kept across runs, and the page that shows them |

pub mod bare;
pub mod bench;
pub mod cloud;
pub mod cluster;
pub mod document;
mod etcd;
pub mod kinds;
pub mod operator;
pub mod process;
pub mod results;
pub mod scenarios;
pub mod settled;
pub mod simulator;
pub mod view;
pub mod workload;

/// Why nothing could be measured.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// What can be done, or why not.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

//! The operator's binary.

use std::process::ExitCode;

use clap::Parser;
use cloud_access_operator::app;
use cloud_access_operator::config::Command;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    app::main(Command::parse())
}

//! The `omnigraph-server` binary.

use std::process::ExitCode;

use clap::Parser;
use omnigraph_server::args::Args;
use omnigraph_server::env::Env;
use omnigraph_server::settings::load_server_settings;
use omnigraph_server::{logging, serve};

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::current_dir()?;
    let config = load_server_settings(args, &Env::process(), &directory)?;
    logging::init(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(config))?;
    Ok(())
}

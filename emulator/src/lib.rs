//! The emulator: runs a SAM template's functions, HTTP API, queues and tables on this machine.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let prepared = emulator::prepare(emulator::Options::new("template.yaml"))?;
//! let binaries = prepared.build()?;
//! let emulator = prepared.start(&binaries).await?;
//! println!("{}", emulator.api_url());
//! emulator.shut_down().await;
//! # Ok(())
//! # }
//! ```

mod aws_error;
mod build;
mod caller;
mod clients;
mod endpoint;
mod events;
mod gateway;
mod http_client;
mod instructions;
mod issuer;
mod lambda;
mod meter;
mod net;
mod page;
mod seed;
mod services;
mod simulation;
mod start;
mod template;
mod trace;

pub use build::cargo;
pub use net::ListenError;
pub use simulation::Realism;
pub use start::{Emulator, Options, Prepared, prepare};
pub use template::TemplateError;

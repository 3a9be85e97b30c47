//! The local cloud: runs a SAM template's functions, HTTP API, queues and tables on this machine.
//!
//! ```no_run
//! # async fn example() -> anyhow::Result<()> {
//! let prepared = emulator::prepare(emulator::Options::new("template.yaml"))?;
//! let binaries = prepared.build()?;
//! let cloud = prepared.start(&binaries).await?;
//! println!("{}", cloud.api_url());
//! cloud.shut_down().await;
//! # Ok(())
//! # }
//! ```

mod build;
mod cloud;
mod edge;
mod events;
mod gateway;
mod http_client;
mod instructions;
mod issuer;
mod lambda;
mod meter;
mod net;
mod realism;
mod request;
mod seed;
mod template;
mod trace;
mod watch;

pub use build::cargo;
pub use cloud::{Options, Prepared, RunningCloud, prepare};
pub use net::ListenError;
pub use realism::Realism;
pub use template::TemplateError;

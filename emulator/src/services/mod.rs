//! The AWS services that the emulator has itself, each in a folder of its own.
//!
//! A further service is a folder with an implementation of [`Service`], and a line in [`Services::start`].

mod call;
mod dynamodb;
mod settings;
mod sqs;

pub(crate) use call::{Call, Service};
pub(crate) use settings::Settings;
pub(crate) use sqs::PlacedQueue;

use crate::clients::Clients;
use crate::template::Storage;

/// The running services.
#[derive(Debug)]
pub(crate) struct Services(Vec<Box<dyn Service>>);

impl Services {
    pub(crate) async fn start(settings: &Settings<'_>) -> anyhow::Result<Self> {
        Ok(Services(vec![
            Box::new(dynamodb::DynamoDb::start(settings).await?),
            Box::new(sqs::Sqs::start(settings)?),
        ]))
    }

    /// The service and the operation that `X-Amz-Target` names.
    pub(crate) fn find<'t>(&self, target: &'t str) -> Option<(&dyn Service, &'t str)> {
        let (target, operation) = target.split_once('.')?;
        let mut services = self.0.iter().map(AsRef::as_ref);
        let service = services.find(|service| service.targets().contains(&target))?;
        Some((service, operation))
    }

    /// Everything that `X-Amz-Target` may begin with.
    pub(crate) fn targets(&self) -> Vec<&'static str> {
        self.0
            .iter()
            .flat_map(|service| service.targets())
            .copied()
            .collect()
    }

    /// Restores the data of an earlier run. The template's resources must exist.
    pub(crate) async fn restore(&self) -> anyhow::Result<()> {
        for service in &self.0 {
            service.restore().await?;
        }
        Ok(())
    }

    /// Waits until all data is on disk.
    pub(crate) async fn shut_down(&self) {
        for service in self.0.iter().rev() {
            service.shut_down().await;
        }
    }
}

/// Creates the template's tables and queues where they don't exist yet, at whichever endpoint the clients call.
pub(crate) async fn create_resources(
    clients: &Clients,
    storage: &Storage,
) -> anyhow::Result<Vec<PlacedQueue>> {
    dynamodb::create_tables(&clients.dynamodb, &storage.tables).await?;
    sqs::create_queues(&clients.sqs, &storage.queues).await
}

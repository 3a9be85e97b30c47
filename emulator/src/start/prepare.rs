//! What can be found wrong before anything is built: the template, the ports, the data directory.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use tokio::net::TcpListener;

use super::access::{AwsAccess, LOCAL_ACCOUNT};
use super::data_dir::DataDir;
use super::options::Options;
use crate::net::ListenError;
use crate::template::{Deployment, Stack, Storage, Template};
use crate::{build, net};

/// A template that was read, and ports that were taken.
#[derive(Debug)]
pub struct Prepared {
    pub(super) options: Options,
    pub(super) template: Template,
    pub(super) storage: Storage,
    /// Resolved before the queues exist, so their addresses may be others in the end.
    pub(super) stack: Stack,
    pub(super) api_listener: TcpListener,
    pub(super) aws_listener: TcpListener,
    pub(super) api_url: String,
    pub(super) aws_url: String,
    pub(super) access: AwsAccess,
    pub(super) data_dir: Option<DataDir>,
}

/// Reads the template and takes the ports. Must be called inside a Tokio runtime.
///
/// # Errors
/// [`TemplateError`](crate::TemplateError), [`ListenError`](crate::ListenError), or a data directory that can't
/// be used.
pub fn prepare(options: Options) -> anyhow::Result<Prepared> {
    let api_listener = net::listen(options.port, "--port");
    let aws_listener = net::listen(options.aws_port, "--aws-port");
    let api_url = url(&api_listener, options.port);
    let aws_url = url(&aws_listener, options.aws_port);
    let access = match &options.aws_endpoint {
        Some(endpoint) => AwsAccess::outside(endpoint),
        None => AwsAccess::own(&aws_url),
    };
    let deployment = Deployment {
        region: access.region.clone(),
        account_id: LOCAL_ACCOUNT.to_owned(),
        stack_name: options.stack_name.clone(),
        aws_url: aws_url.clone(),
        api_url: api_url.clone(),
    };
    let template = Template::load(&options.template, &options.parameters, deployment)?;
    let (storage, stack) = (template.storage()?, template.stack()?);
    // The template's mistakes come before a port that is taken: another port would not mend them.
    let (api_listener, aws_listener) = (api_listener?, aws_listener?);
    let data_dir = options.data_dir.as_deref().map(DataDir::open).transpose()?;
    Ok(Prepared {
        options,
        template,
        storage,
        stack,
        api_listener,
        aws_listener,
        api_url,
        aws_url,
        access,
        data_dir,
    })
}

/// The URL of a listener; that of the wanted port if the port could not be had.
fn url(listener: &Result<TcpListener, ListenError>, wanted: u16) -> String {
    let address = listener.as_ref().ok().map(TcpListener::local_addr);
    let port = address.and_then(Result::ok).map_or(wanted, |it| it.port());
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

impl Prepared {
    /// Builds the functions' binaries with cargo, which shows its progress. Returns the folder that they are in.
    ///
    /// # Errors
    /// When the template names a binary that the workspace hasn't, or cargo fails.
    pub fn build(&self) -> anyhow::Result<PathBuf> {
        let folder = self.options.template.parent().unwrap_or(Path::new("."));
        let functions = self.stack.functions.iter();
        build::binaries(folder, functions.map(|function| function.binary.as_str()))
    }

    /// Parts of the template that are not emulated, in words.
    pub fn ignored(&self) -> &[String] {
        &self.stack.ignored
    }
}

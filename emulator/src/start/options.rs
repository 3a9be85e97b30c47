//! What can be chosen about a run, with the defaults of `cargo local`.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::path::PathBuf;
use std::thread;

use crate::simulation::Realism;

const DEFAULT_STACK_NAME: &str = "local";
const DEFAULT_API_PORT: u16 = 3000;
/// The port of LocalStack, so that tools made for it work here.
const DEFAULT_AWS_PORT: u16 = 4566;
/// One process works while the other waits for the tables. More of them only wait for each other, and each begins
/// without the products and prices that the others remember: docs/performance.md
const PROCESSES_FOR_EACH_PROCESSOR: usize = 2;
/// Where calls take as long as on AWS, processes mostly wait, so as many are started as Lambda would start.
const PROCESSES_AS_ON_AWS: usize = 100;

/// What to run and where.
#[derive(Debug, Clone)]
pub struct Options {
    /// The SAM template.
    pub template: PathBuf,
    /// Values of the template's parameters; the others take their defaults.
    pub parameters: BTreeMap<String, String>,
    /// The beginning of the names of tables, queues and functions.
    pub stack_name: String,
    /// The HTTP API's port on loopback; 0 for any free one.
    pub port: u16,
    /// The AWS endpoint's port on loopback; 0 for any free one.
    pub aws_port: u16,
    /// Where tables and queues are kept; in memory if none.
    pub data_dir: Option<PathBuf>,
    /// Another DynamoDB and SQS than the emulator's own.
    pub aws_endpoint: Option<String>,
    /// Most processes of one function at once, where the template reserves no number. By default two for each
    /// processor, and 100 where AWS's latencies are simulated.
    pub processes_per_function: Option<usize>,
    /// How closely the emulator's own DynamoDB and SQS imitate AWS.
    pub realism: Realism,
    /// Whether the functions send their traces to the emulator, for the page at `/_local/`.
    pub traces: bool,
    /// Whether the functions' log lines are printed.
    pub print_logs: bool,
}

impl Options {
    /// The defaults of `cargo local` for this template.
    pub fn new(template: impl Into<PathBuf>) -> Self {
        Options {
            template: template.into(),
            parameters: BTreeMap::new(),
            stack_name: DEFAULT_STACK_NAME.to_owned(),
            port: DEFAULT_API_PORT,
            aws_port: DEFAULT_AWS_PORT,
            data_dir: None,
            aws_endpoint: None,
            processes_per_function: None,
            realism: Realism::Off,
            traces: false,
            print_logs: true,
        }
    }

    /// Most processes of one function at once.
    pub(super) fn processes(&self) -> usize {
        let processors = || thread::available_parallelism().map_or(1, NonZero::get);
        self.processes_per_function.unwrap_or(match self.realism {
            Realism::Off => processors() * PROCESSES_FOR_EACH_PROCESSOR,
            Realism::Aws { .. } => PROCESSES_AS_ON_AWS,
        })
    }
}

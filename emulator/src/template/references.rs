//! The values of `Ref` and `Fn::GetAtt` for every kind of resource, and the names of resources.

use super::position::Position;
use super::problem::Problem;
use super::resolve::{Deployment, Resolver, Resource};

pub(super) const TABLE: &str = "AWS::DynamoDB::Table";
pub(super) const SIMPLE_TABLE: &str = "AWS::Serverless::SimpleTable";
pub(super) const QUEUE: &str = "AWS::SQS::Queue";
pub(super) const FUNCTION: &str = "AWS::Serverless::Function";
pub(super) const HTTP_API: &str = "AWS::Serverless::HttpApi";
/// The API that SAM makes for routes that name none.
pub(super) const IMPLICIT_HTTP_API: &str = "ServerlessHttpApi";

const USER_POOL: &str = "AWS::Cognito::UserPool";
const USER_POOL_CLIENT: &str = "AWS::Cognito::UserPoolClient";

impl Resolver {
    /// The value of `Ref`.
    pub(super) fn reference_to(
        &self,
        resource: &Resource<'_>,
        depth: usize,
    ) -> Result<String, Problem> {
        match resource.kind {
            QUEUE => self.queue_url(resource, depth),
            TABLE | SIMPLE_TABLE => self.physical_name(resource, "TableName", depth),
            FUNCTION => self.physical_name(resource, "FunctionName", depth),
            HTTP_API => Ok(api_id(resource.id)),
            USER_POOL => Ok(self.user_pool_id(resource.id)),
            _ => Ok(resource.id.to_owned()),
        }
    }

    /// The value of `Fn::GetAtt`.
    pub(super) fn attribute_of(
        &self,
        resource: &Resource<'_>,
        attribute: &str,
        at: Position,
        depth: usize,
    ) -> Result<String, Problem> {
        let name = |property| self.physical_name(resource, property, depth);
        Ok(match (resource.kind, attribute) {
            (QUEUE, "Arn") => self.queue_arn(resource, depth)?,
            (QUEUE, "QueueName") => name("QueueName")?,
            (QUEUE, "QueueUrl") => self.queue_url(resource, depth)?,
            (TABLE | SIMPLE_TABLE, "Arn") => self.table_arn(&name("TableName")?),
            (TABLE, "StreamArn") => {
                format!("{}/stream/local", self.table_arn(&name("TableName")?))
            }
            (FUNCTION, "Arn") => self.function_arn(&name("FunctionName")?),
            (HTTP_API, "ApiEndpoint") => self.deployment().api_url.clone(),
            (USER_POOL, "ProviderName") => self.user_pool_provider(resource.id),
            (USER_POOL, "ProviderURL") => {
                format!("https://{}", self.user_pool_provider(resource.id))
            }
            (USER_POOL, "UserPoolId") => self.user_pool_id(resource.id),
            (USER_POOL_CLIENT, "ClientId") => resource.id.to_owned(),
            (TABLE | SIMPLE_TABLE | QUEUE | FUNCTION | HTTP_API, unknown) => {
                let expected = format!("an attribute of {} ({})", resource.id, resource.kind);
                return Err(Problem::expected(at, expected, format!("`{unknown}`")));
            }
            _ => self.stand_in(resource.id, attribute),
        })
    }

    /// A value for an attribute of a resource that isn't emulated, so that the rest can refer to it.
    pub(super) fn stand_in(&self, id: &str, attribute: &str) -> String {
        if attribute.ends_with("Arn") {
            self.arn("local", id)
        } else {
            format!("{id}.{attribute}")
        }
    }

    /// The name that the template gives, or one made of the stack's name as AWS does, but the same at every start.
    pub(super) fn physical_name(
        &self,
        resource: &Resource<'_>,
        property: &str,
        depth: usize,
    ) -> Result<String, Problem> {
        if let Some(name) = self.property_within(resource, property, depth + 1)? {
            return Ok(name.text()?.to_owned());
        }
        let name = format!("{}-{}", self.deployment().stack_name, resource.id);
        let is_fifo = resource.kind == QUEUE
            && self
                .property_within(resource, "FifoQueue", depth + 1)?
                .is_some_and(|node| node.boolean() == Ok(true));
        Ok(if is_fifo {
            format!("{name}.fifo")
        } else {
            name
        })
    }

    /// The queue's own URL once it exists, else the one that it would have here.
    fn queue_url(&self, queue: &Resource<'_>, depth: usize) -> Result<String, Problem> {
        let name = self.physical_name(queue, "QueueName", depth)?;
        let Deployment {
            aws_url,
            account_id,
            ..
        } = self.deployment();
        Ok(match self.placed(queue.id) {
            Some(placed) => placed.url.clone(),
            None => format!("{aws_url}/{account_id}/{name}"),
        })
    }

    fn queue_arn(&self, queue: &Resource<'_>, depth: usize) -> Result<String, Problem> {
        Ok(match self.placed(queue.id) {
            Some(placed) => placed.arn.clone(),
            None => self.arn("sqs", &self.physical_name(queue, "QueueName", depth)?),
        })
    }

    fn table_arn(&self, name: &str) -> String {
        self.arn("dynamodb", &format!("table/{name}"))
    }

    fn function_arn(&self, name: &str) -> String {
        self.arn("lambda", &format!("function:{name}"))
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let Deployment {
            region, account_id, ..
        } = self.deployment();
        format!("arn:aws:{service}:{region}:{account_id}:{resource}")
    }

    fn user_pool_id(&self, logical_id: &str) -> String {
        format!("{}_{logical_id}", self.deployment().region)
    }

    fn user_pool_provider(&self, logical_id: &str) -> String {
        let region = &self.deployment().region;
        let id = self.user_pool_id(logical_id);
        format!("cognito-idp.{region}.amazonaws.com/{id}")
    }
}

pub(super) fn api_id(logical_id: &str) -> String {
    logical_id.to_ascii_lowercase()
}

use std::fmt;

const API_LABEL: &str = "HTTP API";
const AWS_LABEL: &str = "AWS endpoint";
const PAGE_LABEL: &str = "Live page";

/// The lines by which the emulator says that it is ready, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadyLines {
    /// The HTTP API, without a slash at the end.
    pub api_url: String,
    /// DynamoDB, SQS, Lambda and `/_local/`, without a slash at the end.
    pub aws_url: String,
    /// The page that shows what goes on. It comes last, so everything else is known once it is there.
    pub page_url: String,
    /// The region that AWS clients are to use.
    pub region: String,
}

impl fmt::Display for ReadyLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReadyLines {
            api_url,
            aws_url,
            page_url,
            region,
        } = self;
        writeln!(f, "  {API_LABEL:<12}   {api_url}")?;
        writeln!(
            f,
            "  {AWS_LABEL:<12}   {aws_url}   (any credentials, region {region})"
        )?;
        writeln!(f, "  {PAGE_LABEL:<12}   {page_url}")
    }
}

impl ReadyLines {
    /// Finds the lines in what the emulator printed so far. None until all of them are there.
    pub fn find(printed: &str) -> Option<ReadyLines> {
        let complete = printed.rsplit_once('\n').map(|(lines, _)| lines)?;
        let find = |label: &str| {
            let mut lines = complete.lines().map(str::trim_start);
            lines.find_map(|line| line.strip_prefix(label).map(str::trim))
        };
        let (aws_url, remark) = find(AWS_LABEL)?.split_once(' ')?;
        let (_, region) = remark.strip_suffix(')')?.rsplit_once(' ')?;
        Some(ReadyLines {
            api_url: find(API_LABEL)?.to_owned(),
            aws_url: aws_url.to_owned(),
            page_url: find(PAGE_LABEL)?.to_owned(),
            region: region.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_found_again_once_it_is_complete() {
        let lines = ReadyLines {
            api_url: "http://127.0.0.1:3000".to_owned(),
            aws_url: "http://127.0.0.1:4566".to_owned(),
            page_url: "http://127.0.0.1:4566/_local/".to_owned(),
            region: "us-east-1".to_owned(),
        };
        let printed =
            format!("\nReady after 0.1 s.\n\n{lines}\n  curl -s http://127.0.0.1:3000/products\n");
        assert_eq!(ReadyLines::find(&printed), Some(lines));
        let page = printed.find("/_local/").expect("the page's line");
        assert_eq!(ReadyLines::find(&printed[..page]), None);
    }
}

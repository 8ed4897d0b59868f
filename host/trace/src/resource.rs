//! Requests of pages, and their answers.

use serde::{Deserialize, Serialize};
use serde_json::Number;

use crate::trace::Contents;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Resource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pageref: Option<String>,
    started_date_time: String,
    time: Number,
    request: Request,
    response: Response,
    #[serde(skip_deserializing)]
    cache: Nothing,
    timings: Timings,
    #[serde(rename = "_frameref", skip_serializing_if = "Option::is_none")]
    frame: Option<String>,
    #[serde(rename = "_monotonicTime", skip_serializing_if = "Option::is_none")]
    monotonic_time: Option<Number>,
    #[serde(rename = "_resourceType", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    /// Sent by the test and not by a page.
    #[serde(rename = "_apiRequest", default, skip_serializing)]
    is_of_the_test: bool,
}

#[derive(Debug, Default, Serialize)]
struct Nothing {}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(default)]
    query_string: Vec<Pair>,
    #[serde(skip_deserializing)]
    cookies: [(); 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    post_data: Option<PostData>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_size: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_size: Option<Number>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Pair {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct PostData {
    #[serde(default)]
    mime_type: String,
    #[serde(default)]
    text: String,
    #[serde(skip_deserializing)]
    params: [(); 0],
    #[serde(rename = "_sha1", skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    /// The same, since version 10.
    #[serde(rename = "_file", skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: Number,
    #[serde(default)]
    status_text: String,
    #[serde(default)]
    http_version: String,
    #[serde(default)]
    headers: Vec<Pair>,
    #[serde(skip_deserializing)]
    cookies: [(); 0],
    content: Content,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers_size: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_size: Option<Number>,
    #[serde(default, rename = "redirectURL")]
    redirect_url: String,
    #[serde(rename = "_transferSize", skip_serializing_if = "Option::is_none")]
    transfer_size: Option<Number>,
    #[serde(rename = "_failureText", skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<Number>,
    #[serde(default)]
    mime_type: String,
    #[serde(rename = "_sha1", skip_serializing_if = "Option::is_none")]
    sha1: Option<String>,
    /// The same, since version 10.
    #[serde(rename = "_file", skip_serializing_if = "Option::is_none")]
    file: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Timings {
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connect: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ssl: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    send: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<Number>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receive: Option<Number>,
}

impl Resource {
    /// Whether a page sent it.
    pub(crate) fn may_be_known(&self) -> bool {
        !self.is_of_the_test
    }

    /// What it refers to.
    pub(crate) fn contents(&self) -> Vec<Contents> {
        let sent = self.request.post_data.iter().flat_map(|data| Contents::of(&data.sha1, &data.file));
        let content = &self.response.content;
        sent.chain(Contents::of(&content.sha1, &content.file)).collect()
    }
}

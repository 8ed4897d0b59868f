//! Builds the images of a suite from their folders, so that equal folders make one image.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;

use bollard::query_parameters::{BuildImageOptionsBuilder, TagImageOptionsBuilder};
use bytes::Bytes;
use futures_util::StreamExt as _;
use lancet_core::PinnedImage;

use crate::engine::error::says_disk_full;
use crate::engine::{archive, label};
use crate::{Docker, DockerError};

/// The most bytes of a build's folder.
pub const MAX_CONTEXT_BYTES: u64 = 256 << 20;
/// How much of a failed build's output is told: lines, and bytes of each.
const TAIL_LINES: usize = 40;
const TAIL_LINE_BYTES: usize = 400;

/// An image to be built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRequest {
    /// The suite's name for the image, which is labelled `dev.lancet.image` with it, and
    /// tagged `lancet/NAME:ID`.
    pub name: String,
    /// The folder with the `Dockerfile` and what it copies. Folders and regular
    /// files only; all of it is sent, a `.dockerignore` is refused.
    pub folder: PathBuf,
    /// The stage to build; `None` for the last one.
    pub target: Option<String>,
    /// Values for the `ARG`s of the `Dockerfile`, by name.
    pub arguments: BTreeMap<String, String>,
}

impl Docker {
    /// Builds an image with the engine's own builder. Steps that were built before
    /// come from its cache. `progress` is told each line of output.
    ///
    /// # Errors
    /// [`DockerError::Context`], [`DockerError::TooLarge`] for the folder;
    /// [`DockerError::BuildFailed`] with the end of the output.
    pub async fn build(
        &self,
        request: BuildRequest,
        progress: &mut (dyn FnMut(&str) + Send),
    ) -> Result<PinnedImage, DockerError> {
        let folder = request.folder.clone();
        let context = tokio::task::spawn_blocking(move || archive::pack_folder(&folder, MAX_CONTEXT_BYTES))
            .await
            .map_err(|error| DockerError::Context {
                path: request.folder.display().to_string(),
                reason: error.to_string(),
            })??;
        let labels = HashMap::from([(label::IMAGE.to_owned(), request.name.clone())]);
        let arguments: HashMap<String, String> = request.arguments.clone().into_iter().collect();
        let mut options = BuildImageOptionsBuilder::default()
            .dockerfile("Dockerfile")
            .buildargs(&arguments)
            .labels(&labels)
            .rm(true)
            .forcerm(true);
        if let Some(target) = &request.target {
            options = options.target(target);
        }
        if let Some(network) = &self.options().build_network {
            options = options.networkmode(network);
        }
        let body = bollard::body_full(Bytes::from(context));
        let mut steps = std::pin::pin!(self.slow_client().build_image(options.build(), None, Some(body)));
        let mut output = Output { progress, partial: String::new(), tail: VecDeque::new() };
        let mut built = None;
        let failed = |message: String, output: &Output<'_>| match DockerError::from_message(
            "building an image",
            0,
            message,
        ) {
            // A step that found the disk full only says so in its output.
            DockerError::Engine { .. } if says_disk_full(&output.tail()) => {
                DockerError::DiskFull { message: output.tail() }
            }
            DockerError::Engine { message: reason, .. } => {
                DockerError::BuildFailed { name: request.name.clone(), reason, output: output.tail() }
            }
            other => other,
        };
        while let Some(step) = steps.next().await {
            let step = match step.map_err(|error| self.failed_slowly("building an image", error)) {
                Ok(step) => step,
                Err(DockerError::Engine { message, .. }) => return Err(failed(message, &output)),
                Err(error) => return Err(error),
            };
            if let Some(text) = step.stream.or(step.status) {
                output.add(&text);
            }
            if let Some(error) = step.error_detail {
                output.finish();
                return Err(failed(error.message.unwrap_or_default(), &output));
            }
            built = step.aux.and_then(|aux| aux.id).or(built);
        }
        output.finish();
        let reference = built.ok_or_else(|| failed("the builder named no image".to_owned(), &output))?;
        // Without a tag the next `docker image prune` would take it.
        let tag = tag(&reference);
        let options =
            TagImageOptionsBuilder::default().repo(&format!("lancet/{}", repository(&request.name))).tag(tag);
        let tagged = self.client().tag_image(&reference, Some(options.build()));
        self.call("tagging an image", tagged).await?;
        Ok(PinnedImage { name: request.name, reference })
    }
}

/// A name that can be a repository's: what cannot be in one is left out.
fn repository(name: &str) -> String {
    let plain = name.to_ascii_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let plain = plain.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if plain.is_empty() { "image".to_owned() } else { plain.chars().take(100).collect() }
}

/// A tag that never moves: the first digits of the image's own id.
fn tag(reference: &str) -> &str {
    let digits = reference.trim_start_matches("sha256:");
    digits.get(..12).unwrap_or(digits)
}

/// A build's output, in lines.
struct Output<'a> {
    progress: &'a mut (dyn FnMut(&str) + Send),
    partial: String,
    tail: VecDeque<String>,
}

impl Output<'_> {
    fn add(&mut self, text: &str) {
        self.partial.push_str(text);
        while let Some(end) = self.partial.find('\n') {
            let line: String = self.partial.drain(..=end).collect();
            self.line(line.trim_end());
        }
    }

    fn finish(&mut self) {
        let rest = std::mem::take(&mut self.partial);
        self.line(rest.trim_end());
    }

    fn line(&mut self, line: &str) {
        if line.is_empty() {
            return;
        }
        (self.progress)(line);
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line[..line.floor_char_boundary(TAIL_LINE_BYTES)].to_owned());
    }

    fn tail(&self) -> String {
        self.tail.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_gives_a_repository_and_a_fixed_tag() {
        assert_eq!(repository("library-94"), "library-94");
        assert_eq!(repository("Über/../x__y-"), "ber-x-y");
        assert_eq!(repository("::"), "image");
        assert_eq!(tag("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(tag("sha256:01"), "01");
    }

    #[test]
    fn output_is_told_by_the_line_and_its_end_is_kept() {
        let mut told = Vec::new();
        let mut progress = |line: &str| told.push(line.to_owned());
        let mut output = Output { progress: &mut progress, partial: String::new(), tail: VecDeque::new() };
        output.add("Step 1\nSt");
        output.add("ep 2\r\n\n");
        for number in 0..TAIL_LINES {
            output.add(&format!("{number}\n"));
        }
        output.add("é".repeat(TAIL_LINE_BYTES).as_str());
        output.finish();
        let tail = output.tail();
        assert!(tail.starts_with("1\n"), "{tail}");
        assert_eq!(tail.lines().last().map(str::len), Some(TAIL_LINE_BYTES));
        assert_eq!(told[..3], ["Step 1", "Step 2", "0"]);
    }
}

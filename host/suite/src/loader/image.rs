//! The checks of images and of build folders.

use std::collections::{BTreeMap, BTreeSet};

use super::Loader;
use crate::format::{ImageEntry, SuiteFile};
use crate::image::ImageSource;
use crate::problem::{Problem, nearest, shown};
use crate::reference::Reference;
use crate::rules::{Rules, is_name};
use crate::tree::StoredFile;

/// The most images, and the most environments, of a suite.
pub(super) const MAX_ENTRIES: usize = 1_000;

impl Loader {
    /// The images of `suite.toml`.
    pub(super) fn images(
        &mut self,
        file: &SuiteFile,
        builds: &BTreeMap<String, Vec<StoredFile>>,
    ) -> BTreeMap<String, ImageSource> {
        let mut rules = Rules { file: "suite.toml", problems: &mut self.problems };
        rules.count("images", file.images.len(), MAX_ENTRIES);
        let mut images = BTreeMap::new();
        for (name, entry) in &file.images {
            let key = format!("images.{}", shown(name));
            rules.name(&key, name);
            if let Some(source) = image(&mut rules, &key, entry, builds) {
                images.insert(name.clone(), source);
            }
        }
        let built: BTreeSet<_> = file.images.values().filter_map(|entry| entry.build.as_deref()).collect();
        for (folder, files) in builds {
            if !built.contains(folder.as_str()) {
                self.warnings.push(Problem::new(folder, "no image is built from this folder"));
            }
            if files.iter().any(|file| file.path == ".dockerignore") {
                let path = format!("{folder}/.dockerignore");
                let problem = Problem::new(path, "it has no effect: all files of the folder are sent");
                self.warnings.push(problem.hint("move what an image must not get out of its folder"));
            }
        }
        images
    }
}

fn image(
    rules: &mut Rules<'_>,
    key: &str,
    entry: &ImageEntry,
    builds: &BTreeMap<String, Vec<StoredFile>>,
) -> Option<ImageSource> {
    match (&entry.image, &entry.build) {
        (Some(reference), None) => {
            for (name, there) in [("target", entry.target.is_some()), ("args", !entry.args.is_empty())] {
                if there {
                    rules.problem(format!("{key}.{name}"), "it has no meaning without `build`");
                }
            }
            reference_of(rules, &format!("{key}.image"), reference)
        }
        (None, Some(folder)) => {
            let good = build_folder(rules, &format!("{key}.build"), folder, builds);
            if let Some(target) = &entry.target
                && !is_stage(target)
            {
                let message = format!("`{}` is no name of a stage", shown(target));
                rules.problem(format!("{key}.target"), message);
            }
            rules.variables(&format!("{key}.args"), &entry.args);
            good.then(|| ImageSource::Build {
                folder: folder.clone(),
                target: entry.target.clone(),
                args: entry.args.clone(),
            })
        }
        (image, _) => {
            let found = if image.is_some() { "both" } else { "neither" };
            rules.problem(key, format!("expected either `image` or `build`, found {found}"));
            None
        }
    }
}

/// An image of a registry, with a tag or a digest.
pub(super) fn reference_of(rules: &mut Rules<'_>, key: &str, text: &str) -> Option<ImageSource> {
    match Reference::parse(text) {
        Err(message) => {
            rules.problem(key, message).hint = Some(
                "expected `name:tag` or `name@sha256:…`, with the registry before it if need be".to_owned(),
            );
            None
        }
        Ok(reference) if reference.repository == "sha256" => {
            rules.problem(key, "an image's id is known on one machine only").hint =
                Some("name it as a registry does: `name:tag` or `name@sha256:…`".to_owned());
            None
        }
        Ok(Reference { tag: None, digest: None, .. }) => {
            let message = format!("`{}` has neither tag nor digest", shown(text));
            rules.problem(key, message).hint =
                Some(format!("say which one: `{}:<tag>`; `lancet suite pin` pins it", shown(text)));
            None
        }
        Ok(_) => Some(ImageSource::Reference(text.to_owned())),
    }
}

fn build_folder(
    rules: &mut Rules<'_>,
    key: &str,
    folder: &str,
    builds: &BTreeMap<String, Vec<StoredFile>>,
) -> bool {
    if !folder.strip_prefix("images/").is_some_and(is_name) {
        let message = format!("`{}` is no folder in images/", shown(folder));
        rules.problem(key, message).hint =
            Some("expected a path from the suite's folder: `images/app`".to_owned());
        return false;
    }
    let Some(files) = builds.get(folder) else {
        let near = nearest(folder, builds.keys().map(String::as_str));
        let hint = near.map(|near| format!("did you mean `{near}`?"));
        rules.problem(key, format!("there is no folder `{folder}`")).hint = hint;
        return false;
    };
    let has_dockerfile = files.iter().any(|file| file.path == "Dockerfile");
    if !has_dockerfile {
        rules.problem(key, format!("`{folder}` has no Dockerfile"));
    }
    has_dockerfile
}

/// Whether a stage of a Dockerfile can be called that.
fn is_stage(text: &str) -> bool {
    text.len() <= 128
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

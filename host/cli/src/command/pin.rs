//! `lancet suite pin`.

use lancet_core::{ListedImage, PinnedImage};
use lancet_docker::{BuildRequest, Docker};
use lancet_file::HiddenFolder;
use lancet_suite::{ImageLock, ImageSource, Suite};

use crate::arguments::{FormatKind, Global, Pin};
use crate::exit::Exit;
use crate::failure::{Failure, host};
use crate::output;
use crate::render::{Table, display_safe, left};
use crate::session::{Signals, block_on};
use crate::terminal::tell;

/// Builds or pulls what a suite's images are, and writes `images.lock`.
pub(crate) fn main(arguments: &Pin, global: &Global) -> Result<Exit, Failure> {
    let suite = Suite::open_for_images(&arguments.suite)?;
    let sources = suite.images();
    if sources.is_empty() {
        return Err(Failure::new(
            Exit::Suite,
            format!("the suite `{}` names no images, so there is nothing to pin", suite.name()),
        )
        .hint("images are declared in suite.toml under [images.<name>]"));
    }
    let old = ImageLock::read(&suite)?;
    let pinning = async {
        let docker = Docker::connect(arguments.docker.options()).await?;
        let mut lock = old.clone();
        let mut lines = Vec::new();
        for (name, source) in sources {
            let known = old.pinned(&suite, name).ok().filter(|_| !arguments.rebuild);
            let (pinned, how) = match known {
                Some(known) if docker.image(&known).await.is_ok() => (known, "pinned already"),
                _ => make(&docker, &suite, name, source, global.quiet).await?,
            };
            lock.pin(&suite, name, &pinned.reference)?;
            // One by one: what was built is not built again after an interruption.
            lock.write(&suite)?;
            lines.push(ListedImage { image: name.clone(), how: how.to_owned(), reference: pinned.reference });
        }
        Ok::<_, Failure>(lines)
    };
    let lines = block_on(async {
        // Given up, a build takes its folder along.
        let signals = Signals::listen();
        tokio::select! {
            lines = pinning => lines,
            () = signals.first() => Err(Failure::new(Exit::Interrupted, "interrupted while images were made")
                .hint("those that are made are pinned; `lancet suite pin` goes on with the others")),
        }
    })?;
    print(&lines, arguments.format.kind)
}

async fn make(
    docker: &Docker,
    suite: &Suite,
    name: &str,
    source: &ImageSource,
    quiet: bool,
) -> Result<(PinnedImage, &'static str), Failure> {
    match source {
        ImageSource::Reference(reference) => Ok((docker.resolve(reference).await?, "resolved")),
        ImageSource::Build { folder, target, args } => {
            if !quiet {
                tell(format_args!("building the image `{}`", display_safe(name)));
            }
            let context = context(suite, folder)?;
            let request = BuildRequest {
                name: format!("{}/{name}", suite.name()),
                folder: context.path().to_owned(),
                target: target.clone(),
                arguments: args.clone(),
            };
            let mut progress = |line: &str| {
                if !quiet {
                    tell(format_args!("  {}", display_safe(&output::uncoloured(line.trim_end()))));
                }
            };
            Ok((docker.build(request, &mut progress).await?, "built"))
        }
    }
}

/// The folder of a build as the suite was checked, whatever is in its place by now.
fn context(suite: &Suite, folder: &str) -> Result<HiddenFolder, Failure> {
    let files = suite.build_files(folder)?;
    let write = || {
        let place = HiddenFolder::begin(&std::env::temp_dir(), ".lancet-build-")?;
        for file in &files {
            let path = place.path().join(&file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(&path, &file.bytes)?;
            let mode = if file.executable { 0o755 } else { 0o644 };
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))?;
        }
        Ok::<_, std::io::Error>(place)
    };
    write().map_err(|error| {
        Failure::file("lay out a build's folder in", &std::env::temp_dir(), &error)
            .hint("make room there, or name another folder in the variable `TMPDIR`")
    })
}

fn print(lines: &[ListedImage], format: FormatKind) -> Result<Exit, Failure> {
    let mut table = Table::new([left("image"), left("how"), left("reference")]);
    for line in lines {
        table.row([line.image.clone(), line.how.clone(), line.reference.clone()]);
    }
    output::print_table(format, &table, &lines).map_err(|e| host("printing", e))?;
    Ok(Exit::Done)
}

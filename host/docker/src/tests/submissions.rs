//! Taking submissions, by the engine's own list of changes and by its folders.

use lancet_core::{
    Account, Capture, Environment, Manifest, PinnedImage, ProtectedPath, Protection, Resources,
    SubmissionLimits,
};

use super::{Bench, argv};
use crate::capture::Original;
use crate::container::{Changes, Container};
use crate::tree::NodeKind;

fn environment(image: &PinnedImage) -> Environment {
    Environment {
        name: "test".into(),
        image: image.clone(),
        work_tree: "/srv/app".into(),
        account: Account::Unprivileged,
        variables: std::collections::BTreeMap::new(),
        setup: None,
        conceal: None,
        resources: Resources::standard(),
        protected: vec![ProtectedPath { pattern: "drop/**".into(), protection: Protection::Overlaid }],
        submission: SubmissionLimits::default(),
        solve_seconds: 60,
        plans: Vec::new(),
        user_tool: None,
    }
}

/// A container in which a command was run to its end.
async fn after(bench: &Bench, image: &PinnedImage, command: &str) -> Container {
    let words = argv(&["sh", "-c", command]);
    let container =
        bench.docker.create(&crate::hardening::ContainerSpec { image, ..bench.spec(&words) }).await.unwrap();
    container.start().await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    container.wait(deadline, u64::MAX).await.unwrap();
    container
}

/// Without the names of what was dropped: a folder is named by itself where that is
/// known, and by its files otherwise.
fn submitted(capture: Capture) -> Capture {
    match capture {
        Capture::Taken(manifest) => Capture::Taken(Manifest { overlaid: Vec::new(), ..manifest }),
        other => other,
    }
}

#[tokio::test]
async fn both_lists_make_the_same_submission() {
    let bench = Bench::new().await;
    // An image with something to change in it.
    let made = after(
        &bench,
        &bench.image,
        "mkdir -p a/b drop && for i in 1 2 3 4 5 6; do echo $i > a/$i; echo $i > a/b/$i; done; \
         echo x > drop/x; echo f > file; echo f > other; ln -s a link; mkdir empty",
    )
    .await;
    let info = bench.docker.image(&bench.image).await.unwrap();
    let reference = made.commit(&info, &std::collections::BTreeMap::new()).await.unwrap();
    made.remove().await.unwrap();
    let image = PinnedImage { name: "changed".into(), reference };
    let environment = environment(&image);
    for command in [
        "true",
        "echo y > new; mkdir -p n/m; echo z > n/m/z; rm a/1; chmod +x a/2; echo 3 >> a/b/3; touch a/b/4",
        "rm -r a/b; mkdir a/b; echo 1 > a/b/1; echo 7 > a/b/7",
        "rm -r a; mkdir -p a/b; echo 2 > a/b/2",
        "rm file; mkdir file; echo in > file/in; rm other; mkdir other; rm -r a; echo a > a",
        "rm -r a; mv drop a; mkdir drop; mkdir empty/er; rm link; mkdir link; rmdir empty/er",
        "ln -s /etc e",
        "rm -r a; ln -s /etc a",
        "mkdir d && ln file d/file && ln d/file d/again && echo 1 > d/1 && echo 2 > d/2 && echo 3 > d/3",
        "mkfifo a/pipe",
        "cd /; rm -r /srv/app/*; echo back > /srv/app/back",
        "git init -q . && git add -A && echo x > .git/x; mkdir a/.git; echo y > a/.git/y",
        "touch \"$(printf 'bad\\377')\"",
        "mkdir \"$(printf 'bad\\377')\"; echo x > \"$(printf 'bad\\377/x')\"",
    ] {
        let container = after(&bench, &image, command).await;
        let listed = container.changes().await.unwrap();
        let original = Original::new(&bench.docker, &image, &bench.lease);
        let by_engine = bench.docker.capture_listed(&environment, &container, &original, listed);
        let by_engine = by_engine.await.unwrap();
        let by_either = bench.docker.capture(&environment, &container, &original).await.unwrap();
        original.remove().await;
        // Which of the bad names is told is up to who lists them.
        if let (Capture::Refused(one), Capture::Refused(other)) = (&by_engine.capture, &by_either.capture) {
            assert_eq!(one.kind, other.kind, "{command}");
            container.remove().await.unwrap();
            continue;
        }
        assert_eq!(submitted(by_engine.capture), submitted(by_either.capture), "{command}");
        assert_eq!(by_engine.blobs, by_either.blobs, "{command}");
        container.remove().await.unwrap();
    }
    let options = None::<bollard::query_parameters::RemoveImageOptions>;
    bench.docker.client().remove_image(&image.reference, options, None).await.unwrap();
}

#[tokio::test]
async fn more_changes_than_are_listed_are_counted() {
    let bench = Bench::new().await;
    let container = after(&bench, &bench.image, "mkdir m; for i in $(seq 100); do : > m/$i; done").await;
    // Without the right to read the engine's folders there is nothing to see here.
    if let Some(upper) = container.upper().await.unwrap() {
        assert_eq!(upper.changes("/srv/app", 99).unwrap(), Changes::TooMany);
        let Changes::Listed(listed) = upper.changes("/srv/app", 1_000).unwrap() else { panic!() };
        assert_eq!(listed.len(), 100);
        assert_eq!(upper.changes("/srv/other", 9).unwrap(), Changes::Listed(Vec::new()));
        assert!(upper.exceeds(50).unwrap() && !upper.exceeds(1_000).unwrap());
    }
    container.remove().await.unwrap();
}

#[tokio::test]
async fn many_files_are_gathered_with_what_is_known_of_each() {
    let bench = Bench::new().await;
    let command =
        "mkdir -p m/d && ln -s x m/link && mkfifo m/pipe && for i in $(seq 20); do echo $i > m/d/$i; done";
    let container = after(&bench, &bench.image, command).await;
    let appetite = crate::tree::Appetite {
        read: 1 << 20,
        keep: 1 << 20,
        room: 1 << 20,
        strict: true,
        expand: false,
        files: 100,
    };
    let mut wanted: std::collections::BTreeSet<String> = (1..=20).map(|i| format!("m/d/{i}")).collect();
    wanted.extend(["m/link", "m/pipe", "m", "greeting", "none", "m/none"].map(str::to_owned));
    let gather = |appetite| bench.docker.gather(container.id(), "/srv/app", wanted.clone(), appetite);
    let found = gather(appetite).await.unwrap();
    assert_eq!(found.excess, None);
    assert_eq!(found.nodes.len(), 24);
    assert_eq!(found.nodes["m/d/17"].content.as_deref(), Some(&b"17\n"[..]));
    assert_eq!(found.nodes["m/link"].kind, NodeKind::Symlink(b"x".to_vec()));
    assert_eq!(found.nodes["m/pipe"].kind, NodeKind::Other);
    assert_eq!(found.nodes["m"].kind, NodeKind::Folder);
    let small = crate::tree::Appetite { room: 20, ..appetite };
    assert_eq!(gather(small).await.unwrap().excess, Some(crate::tree::Excess::Bytes));
    let lenient = crate::tree::Appetite { strict: false, ..small };
    let found = gather(lenient).await.unwrap();
    assert!(found.excess.is_none() && found.nodes.values().any(|node| node.content.is_none()));
    assert!(
        found.nodes.values().filter(|node| node.kind == NodeKind::File).all(|node| node.sha256.is_some())
    );
    let few = crate::tree::Appetite { files: 10, ..appetite };
    assert_eq!(gather(few).await.unwrap().excess, Some(crate::tree::Excess::Files));
    container.remove().await.unwrap();
}

//! Taking submissions, by the engine's own list of changes and by its folders.

use bollard::query_parameters::{ListImagesOptionsBuilder, RemoveImageOptionsBuilder};
use futures_util::{StreamExt as _, future, stream};
use lancet_core::{
    Account, Capture, Environment, PinnedImage, ProtectedPath, Protection, RefusalKind, Resources,
    SubmissionLimits,
};

use super::unprivileged::not_shown;
use super::{TestEngine, argv};
use crate::Purpose;
use crate::engine::container::Container;
use crate::engine::listing::{ChangeKind, Changes};
use crate::engine::tree::NodeKind;
use crate::submission::capture::Original;

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
async fn after(engine: &TestEngine, image: &PinnedImage, command: &str) -> Container {
    after_as(engine, engine.spec(&[]).purpose, image, command).await
}

async fn after_as(engine: &TestEngine, purpose: Purpose, image: &PinnedImage, command: &str) -> Container {
    let words = argv(&["sh", "-c", command]);
    let spec = crate::engine::hardening::ContainerSpec { purpose, image, ..engine.spec(&words) };
    let container = engine.docker.create(&spec).await.unwrap();
    container.start().await.unwrap();
    let time = std::time::Duration::from_secs(60);
    container.wait(time, u64::MAX).await.unwrap();
    container
}

/// What cannot be said in a shell: files at paths of any length, and what else is made
/// step by step.
const DEEP: &str = r#"
import os, sys
def down(start, names):
    os.makedirs(start, exist_ok=True)
    os.chdir(start)
    for name in names:
        os.makedirs(name, exist_ok=True)
        os.chdir(name)
def path(start, length, file=True):
    "Something whose path from the root has so many bytes."
    left = length - len(start)
    names = []
    while left > 201:
        take = 200 if left - 201 != 1 else 199
        names.append('e' * take)
        left -= take + 1
    down(start, names)
    if file:
        open('f' * (left - 1), 'w').write('edge')
    else:
        os.mkdir('f' * (left - 1))
"#;

/// Containers that are looked at side by side: most of the time is the engine's.
const AT_A_TIME: usize = 4;

fn deep(script: &str) -> String {
    format!("python3 - <<'END'\n{DEEP}\n{script}\nEND\n")
}

/// What is done in a container, and as what it is taken: paths, or a reason.
fn changes() -> Vec<(String, Result<usize, RefusalKind>)> {
    use RefusalKind::{BadPath, NotARegularFile, TooManyFiles};
    let shell = [
        ("true", Ok(0)),
        (
            "echo y > new; mkdir -p n/m; echo z > n/m/z; rm a/1; chmod +x a/2; echo 3 >> a/b/3; touch a/b/4",
            Ok(5),
        ),
        ("rm -r a/b; mkdir a/b; echo 1 > a/b/1; echo 7 > a/b/7", Ok(6)),
        ("rm -r a; mkdir -p a/b; echo 2 > a/b/2", Ok(11)),
        ("rm file; mkdir file; echo in > file/in; rm other; mkdir other; rm -r a; echo a > a", Ok(16)),
        ("rm -r a; mv drop a; mkdir drop; mkdir empty/er; rm link; mkdir link; rmdir empty/er", Ok(14)),
        ("ln -s /etc e", Err(NotARegularFile)),
        ("rm -r a; ln -s /etc a", Err(NotARegularFile)),
        (
            "mkdir d && ln file d/file && ln d/file d/again && echo 1 > d/1 && echo 2 > d/2 && echo 3 > d/3",
            Ok(5),
        ),
        ("mkfifo a/pipe", Err(NotARegularFile)),
        ("rm file; mkfifo file", Err(NotARegularFile)),
        ("cd /; rm -r /srv/app/*; echo back > /srv/app/back", Ok(17)),
        ("git init -q . && git add -A && echo x > .git/x; mkdir a/.git; echo y > a/.git/y", Ok(0)),
        ("touch \"$(printf 'bad\\377')\"", Err(BadPath)),
        ("mkdir \"$(printf 'bad\\377')\"; echo x > \"$(printf 'bad\\377/x')\"", Err(BadPath)),
        ("mkdir \"$(printf 'bad\\377')\" \"$(printf 'bad\\376')\"", Err(BadPath)),
        // Folders are no part of a submission; their names are looked at all the same.
        ("mkdir \"$(printf 'a/new\\nline')\"", Err(BadPath)),
        ("mkdir -p new/er; chmod 700 a/b; mkdir drop/sub; chmod 700 empty", Ok(0)),
        ("mkdir many; cd many; seq 8001 | xargs mkdir", Err(TooManyFiles)),
        ("mkdir many; cd many; seq 8001 | xargs touch", Err(TooManyFiles)),
        ("cd /tmp; seq 12000 | xargs touch; echo x > /srv/app/x", Ok(1)),
        // Looked at and put back, in several ways.
        (
            "chmod -R u+w .; chown -R 10001 .; touch -r a/1 a/1; mkdir /tmp/a; cp -rp a drop /tmp/a; rm -r a; cp -rp /tmp/a/a .",
            Ok(0),
        ),
        ("mv a b; mv b a; mv file f; mv f file", Ok(0)),
        ("rm -r a; git init -q a; echo x > a/.git/x", Ok(12)),
        ("rm -r drop; mkdir drop; echo y > drop/y; rm -r empty; rm link; echo n > link", Ok(1)),
        ("echo x > ./-rf; echo x > 'a:b'; echo x > 'with \"quotes\" \\ and ü'; chmod 000 ./-rf a", Ok(3)),
        // There the work tree is `a`.
        ("mv a gone; mkdir a; echo x > a/x", Ok(13)),
        ("mv a gone; ln -s gone a", Err(NotARegularFile)),
        ("mv a gone", Err(NotARegularFile)),
        ("rm -r a; echo x > a; : gone", Err(NotARegularFile)),
    ];
    let python = [
        // From the root: a submission's paths have 3,072 bytes at most, anything 3,584.
        ("path('/srv/app', 9 + 3072)", Ok(1)),
        ("path('/srv/app', 9 + 3073)", Err(BadPath)),
        ("path('/srv/app', 9 + 3073, False)", Err(BadPath)),
        ("path('/srv/app/.git', 3584)", Ok(0)),
        ("path('/tmp', 3584)", Ok(0)),
        ("path('/tmp', 3585)", Err(BadPath)),
        ("path('/tmp', 3585, False)", Err(BadPath)),
        ("path('/tmp', 3990)", Err(BadPath)),
        ("path('/srv/app/.git', 4000)", Err(BadPath)),
        ("path('/srv/app', 4002)", Err(BadPath)),
        ("path('/srv/app', 4095)", Err(BadPath)),
        ("path('/srv/app', 4096)", Err(BadPath)),
        ("path('/tmp', 20000)", Err(BadPath)),
        // A name's bytes that are not UTF-8 count as the sign that stands for them.
        ("down(b'/tmp', [b'\\xff' * 250] * 4); os.mkdir(b'\\xff' * 180)", Ok(0)),
        ("down(b'/tmp', [b'\\xff' * 250] * 4); os.mkdir(b'\\xff' * 200)", Err(BadPath)),
        // What the engine takes for links that lead round in circles.
        (
            "down('/srv/app', ['d'] * 300); open('f', 'w'); os.symlink('x', '/srv/app/a/link')",
            Err(NotARegularFile),
        ),
        ("down('/srv/app', ['d'] * 300); open('f', 'w').write('x'); os.mkdir('g')", Ok(1)),
        ("for d in 'uvwxyz': down('/srv/app', [d] * 290); open('f', 'w').write(d)", Ok(6)),
        (
            "down('/srv/app', ['d'] * 1500); open('f', 'w').write('x'); open('/srv/app/d/f', 'w').write('y')",
            Ok(2),
        ),
        ("down('/srv/app', ['d'] * 2000); open('f', 'w')", Err(BadPath)),
        ("down('/srv/app', ['d'] * 300); open('f', 'w'); os.link('f', 'g')", Err(NotARegularFile)),
        ("for i in range(40): down('/srv/app/z%d' % i, ['d'] * 260)", Err(TooManyFiles)),
        ("os.mknod('a/s', 0o140644)", Err(NotARegularFile)),
        ("os.setxattr('file', 'user.x', b'y' * 1000); open('file', 'w').write('x')", Ok(1)),
        (
            "os.mkdir('big'); f = open('big/hole', 'wb'); f.truncate(1 << 27); f.close()",
            Err(RefusalKind::TooLarge),
        ),
    ];
    let shell = shell.into_iter().map(|(command, taken)| (command.to_owned(), taken));
    shell.chain(python.into_iter().map(|(script, taken)| (deep(script), taken))).collect()
}

#[tokio::test]
async fn both_lists_make_the_same_submission() {
    let engine = TestEngine::new().await;
    // An image with something to change in it, which belongs to the account as in any.
    let made = after_as(
        &engine,
        Purpose::Setup,
        &engine.image,
        "mkdir -p a/b drop && for i in 1 2 3 4 5 6; do echo $i > a/$i; echo $i > a/b/$i; done; \
         echo x > drop/x; echo f > file; echo f > other; ln -s a link; mkdir empty",
    )
    .await;
    let info = engine.docker.image(&engine.image).await.unwrap();
    let reference = made.commit(&info, &std::collections::BTreeMap::new()).await.unwrap();
    made.remove().await.unwrap();
    let image = PinnedImage { name: "changed".into(), reference };
    let ordinary = environment(&image);
    let further_down = Environment { work_tree: "/srv/app/a".into(), ..ordinary.clone() };
    let original = Original::new(&engine.docker, &image, &engine.lease);
    let tried = stream::iter(changes()).map(async |(command, expected)| {
        let environment = if command.contains("gone") { &further_down } else { &ordinary };
        let container = after(&engine, &image, &command).await;
        let listed = container.changes(&environment.work_tree).await.unwrap();
        let by_folders = match container.layers().await.unwrap() {
            Some(layers) => layers.changes(&environment.work_tree).unwrap(),
            // Without the right to read the engine's folders there is one way only.
            None => {
                not_shown("that the engine's list and its folders make the same submission");
                listed.clone()
            }
        };
        let by_engine = engine.docker.capture_listed(environment, &container, &original, Some(listed));
        let by_engine = by_engine.await.unwrap();
        let by_folders = engine.docker.capture_listed(environment, &container, &original, Some(by_folders));
        let by_folders = by_folders.await.unwrap();
        let found = match &by_engine.capture {
            Capture::Taken(changes) => Ok(changes.files.len()),
            Capture::Refused(refused) => Err(refused.kind),
            Capture::Unavailable(fault) => panic!("{command}: {fault}"),
        };
        container.remove().await.unwrap();
        // With their words, and with the names of what was dropped.
        (found != expected || by_engine != by_folders).then(|| {
            format!(
                "{command}\nexpected {expected:?}, by the engine {:?}\nby its folders {:?}",
                by_engine.capture, by_folders.capture
            )
        })
    });
    let wrong: Vec<String> = tried.buffered(AT_A_TIME).filter_map(future::ready).collect().await;
    original.remove().await;
    // What was made of it for containers' users goes first.
    let all = ListImagesOptionsBuilder::default().all(true).build();
    let client = engine.docker.client();
    let made = client.list_images(Some(all)).await.unwrap();
    let made = made.into_iter().filter(|made| made.parent_id == image.reference).map(|made| made.id);
    for reference in made.chain([image.reference.clone()]) {
        let options = RemoveImageOptionsBuilder::default().force(true).build();
        // With the last of these the engine removes it too.
        match client.remove_image(&reference, Some(options), None).await {
            Ok(_) | Err(bollard::errors::Error::DockerResponseServerError { status_code: 404, .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n\n"));
}

/// The engine's list is by size and time; its folders have the bytes.
#[tokio::test]
async fn bytes_behind_the_same_size_and_time_are_seen_in_the_engines_folders() {
    let engine = TestEngine::new().await;
    let command = "cp -p greeting /tmp/g; tr a-z b-za < /tmp/g > greeting; touch -r /tmp/g greeting";
    let container = after(&engine, &engine.image, command).await;
    if let Some(layers) = container.layers().await.unwrap() {
        let Changes::Listed { changes, .. } = layers.changes("/srv/app").unwrap() else { panic!() };
        assert_eq!(changes.get("/srv/app/greeting"), Some(&ChangeKind::Modified), "{changes:?}");
    } else {
        not_shown("that changed bytes behind the same size and time are seen");
    }
    container.remove().await.unwrap();
}

#[tokio::test]
async fn many_files_are_gathered_with_what_is_known_of_each() {
    let engine = TestEngine::new().await;
    let command =
        "mkdir -p m/d && ln -s x m/link && mkfifo m/pipe && for i in $(seq 20); do echo $i > m/d/$i; done";
    let container = after(&engine, &engine.image, command).await;
    let appetite = crate::engine::tree::Appetite {
        read: 1 << 20,
        keep: 1 << 20,
        room: 1 << 20,
        strict: true,
        expand: false,
        files: 100,
    };
    let mut wanted: std::collections::BTreeSet<String> = (1..=20).map(|i| format!("m/d/{i}")).collect();
    wanted.extend(["m/link", "m/pipe", "m", "greeting", "none", "m/none"].map(str::to_owned));
    let gather = |appetite| engine.docker.gather(container.id(), "/srv/app", wanted.clone(), appetite);
    let found = gather(appetite).await.unwrap();
    assert_eq!(found.excess, None);
    assert_eq!(found.nodes.len(), 24);
    assert_eq!(found.nodes["m/d/17"].content.as_deref(), Some(&b"17\n"[..]));
    assert_eq!(found.nodes["m/link"].kind, NodeKind::Symlink(b"x".to_vec()));
    assert_eq!(found.nodes["m/pipe"].kind, NodeKind::Other);
    assert_eq!(found.nodes["m"].kind, NodeKind::Folder);
    let small = crate::engine::tree::Appetite { room: 20, ..appetite };
    assert_eq!(gather(small).await.unwrap().excess, Some(crate::engine::tree::Excess::Bytes));
    let lenient = crate::engine::tree::Appetite { strict: false, ..small };
    let found = gather(lenient).await.unwrap();
    assert!(found.excess.is_none() && found.nodes.values().any(|node| node.content.is_none()));
    assert!(
        found.nodes.values().filter(|node| node.kind == NodeKind::File).all(|node| node.sha256.is_some())
    );
    let few = crate::engine::tree::Appetite { files: 10, ..appetite };
    assert_eq!(gather(few).await.unwrap().excess, Some(crate::engine::tree::Excess::Files));
    container.remove().await.unwrap();
}

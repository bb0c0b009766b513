//! What is no page, and what blocks hold for how long.

use super::rewritten;

fn wrong(page: &str) -> String {
    rewritten(page).expect_err("it is no page")
}

const TASK: &str =
    "```toml\n[task.a]\ncrate = \"a\"\nversion = \"1.0.0\"\ntask = \"my::A\"\ntasks = 1\n```\n";

#[test]
fn a_page_begins_with_a_title_and_prose_and_has_an_outcome() {
    assert!(wrong("no title\n").contains("begins with"));
    assert!(wrong("# Title\n\n```hosts\nh1\n```\n").contains("paragraph"));
    assert!(wrong("# Title\n\nProse.\n").contains("no outcome"));
    assert!(
        wrong("# Title\n\nProse.\n\n```hosts\nh1\n").contains("line 5: the block does not end")
    );
    assert!(wrong("# Title\n\nProse.\n\n```host\n```\n").contains("`host` is no block"));
}

#[test]
fn a_wrong_block_is_named_with_its_line() {
    let page = |block: &str| format!("# Title\n\nProse.\n\n{block}");
    assert!(wrong(&page("```hosts\nh1 4\n```\n")).contains("line 5: `4` is not written"));
    assert!(wrong(&page("```hosts\nh1 cpus=x\n```\n")).contains("`cpus=x` says nothing of a host"));
    assert!(wrong(&page("```hosts\nh9..h1\n```\n")).contains("`h9..h1` is not written"));
    assert!(wrong(&page("```running\na#0\n```\n")).contains("is not written like"));
    assert!(wrong(&page("```ask\nnothing\n```\n")).contains("nothing that a page can ask"));
    let nobody = page("```hosts\nh1\n```\n```running\nb#0 on h1\n```\n```outcome\n```\n");
    assert!(wrong(&nobody).contains("nothing has a task b"));
}

#[test]
fn an_outcome_is_written_and_written_again_the_same() {
    let page = format!("# Title\n\nProse.\n\n```hosts\nh1\n```\n\n{TASK}\n```outcome\nold\n```\n");
    let once = rewritten(&page).expect("it is a page");
    assert!(once.contains("```outcome\nplaced, score 0 of at most 0\nh1: 1 a\n```"), "{once}");
    assert_eq!(rewritten(&once).expect("it is a page"), once);
}

#[test]
fn a_heading_forgets_topologies_and_keeps_hosts() {
    let page = format!(
        "# Title\n\nProse.\n\n```hosts\nh1\n```\n\n## One\n\n{TASK}\n```outcome\n```\n\n## Two\n\n```outcome\n```\n"
    );
    let page = rewritten(&page).expect("it is a page");
    assert!(
        page.contains("## Two\n\n```outcome\nplaced, score 0 of at most 0\nh1: –\n```"),
        "{page}"
    );
}

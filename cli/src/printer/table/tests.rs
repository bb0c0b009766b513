//! Tables on paper of any width.

use super::*;

const COLUMNS: [Column; 5] = [
    Column::name("INSTANCE", 16),
    Column::whole("STATE"),
    Column::cut("HOST", 8).or_none(2),
    Column::whole("ADDRESS"),
    Column::cut("CRATE", 10).or_none(1),
];

fn row(instance: &str, state: &str, crate_name: &str) -> Row {
    Row::new([
        instance.into(),
        Cell::state(state),
        "host-1".into(),
        "127.0.0.1:26000".into(),
        crate_name.into(),
    ])
}

fn plain(table: &Table, paper: Option<usize>) -> String {
    table.render(paper, |_, text| text.to_owned())
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn a_table_is_as_wide_as_what_it_shows() {
    let table = Table::new(COLUMNS, vec![row("http.lb#0.1", "ready", "http_loadbalancer 0.8.2")]);
    let lines = "INSTANCE     STATE  HOST    ADDRESS          CRATE\n\
                 http.lb#0.1  ready  host-1  127.0.0.1:26000  http_loadbalancer 0.8.2";
    assert_eq!(plain(&table, None), lines);
    assert_eq!(plain(&table, Some(120)), lines);
}

#[test]
fn what_is_too_wide_is_shortened_then_left_out() {
    let long = "shop.checkout.payments.providers.gateway-primary#117.23";
    let table = Table::new(COLUMNS, vec![row(long, "ready", "http_loadbalancer 0.8.2")]);
    assert!(widest(&plain(&table, None)) > 100);
    let at_80 = plain(&table, Some(80));
    assert_eq!(widest(&at_80), 80);
    assert!(at_80.contains("CRATE") && at_80.contains("#117.23"), "{at_80}");
    let at_58 = plain(&table, Some(58));
    assert!(widest(&at_58) <= 58 && !at_58.contains("CRATE"), "{at_58}");
    assert!(at_58.contains("HOST") && at_58.contains("127.0.0.1:26000"), "{at_58}");
    let at_45 = plain(&table, Some(45));
    assert!(widest(&at_45) <= 45 && !at_45.contains("HOST"), "{at_45}");
    assert!(at_45.contains("ready") && at_45.contains("127.0.0.1:26000"), "{at_45}");
}

#[test]
fn an_extra_column_goes_before_anything_is_shortened() {
    let columns = [Column::name("INSTANCE", 10), Column::extra("SINCE")];
    let table = Table::new(columns, vec![Row::new(["http.frontpage#0.1".into(), "4m2s".into()])]);
    assert_eq!(plain(&table, Some(25)), "INSTANCE            SINCE\nhttp.frontpage#0.1  4m2s");
    assert_eq!(plain(&table, Some(24)), "INSTANCE\nhttp.frontpage#0.1");
}

#[test]
fn a_note_stands_behind_its_row_or_below_it() {
    let noted = row("http.lb#0", "waiting", "lb 1.0.0").with_note("backs off after 3 early ends");
    let table = Table::new(COLUMNS, vec![noted]);
    assert_eq!(plain(&table, None).lines().count(), 2, "a pipe has one line for each row");
    assert!(plain(&table, Some(100)).ends_with("lb 1.0.0  backs off after 3 early ends"));
    let narrow = plain(&table, Some(60));
    assert!(narrow.ends_with("\n    backs off after 3 early ends"), "{narrow}");
}

#[test]
fn a_colour_changes_nothing_but_the_colour() {
    let rows = vec![row("a#0.1", "ready", "a 1.0.0"), row("b#0.1", "waiting", "b 1.0.0")];
    let table = Table::new(COLUMNS, rows);
    let coloured = table.render(Some(80), |_, text| format!("<{text}>"));
    assert!(coloured.contains("<ready>") && coloured.contains("<waiting>"));
    assert_eq!(coloured.replace(['<', '>'], ""), plain(&table, Some(80)));
}

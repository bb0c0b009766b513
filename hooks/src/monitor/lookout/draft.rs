//! What of a lookout is to become durable next.
//!
//! Owns that a page shows what came of the events that are taken up, and of no other that waits.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;

use super::super::event::Event;
use super::super::picture::{Page, PageId};
use super::Lookout;

/// Pages of one write.
const PAGES_MAX: usize = 256;

/// What is to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Draft {
    /// The events that are taken up.
    pub(in super::super) events: Vec<Event>,
    /// The pages that become other ones; without content those that go.
    pub(in super::super) pages: Vec<(PageId, Option<Vec<u8>>)>,
    /// Beside these no page is another one than the durable one.
    pub(in super::super) is_last: bool,
}

impl Lookout {
    /// What is to be written with the first events, at most so many; and the rest of what the picture
    /// shows, as far as it goes into so many bytes. The pages of an event that is taken up are all there.
    pub(in super::super) fn draft(&mut self, events_max: usize, bytes_max: usize) -> Draft {
        let mut draft = Draft { is_last: true, ..Draft::default() };
        let mut bytes = 0;
        let mut taken = 0;
        let mut pages: BTreeMap<PageId, Option<Vec<u8>>> = BTreeMap::new();
        // How much a page takes is known before it is written: it hardly depends on what is taken up.
        for one in self.pending.iter().take(events_max) {
            let id = one.page();
            if let Slot::Vacant(place) = pages.entry(id.clone()) {
                let more = self.text(&id, 0).map_or(0, |text| text.len());
                if bytes + more > bytes_max && taken > 0 {
                    break;
                }
                bytes += more;
                place.insert(None);
            }
            draft.events.push(one.event.clone());
            taken += 1;
        }
        for (id, text) in &mut pages {
            *text = self.text(id, taken);
        }
        let mut clean = Vec::new();
        for id in
            self.dirty.iter().filter(|id| !pages.contains_key(id)).cloned().collect::<Vec<_>>()
        {
            let text = self.text(&id, taken);
            if text == self.durable.get(&id).map(json) {
                clean.push(id);
                continue;
            }
            let more = text.as_ref().map_or(0, Vec::len);
            if !pages.is_empty() && (bytes + more > bytes_max || pages.len() >= PAGES_MAX) {
                draft.is_last = false;
                break;
            }
            bytes += more;
            pages.insert(id, text);
        }
        clean.iter().for_each(|id| _ = self.dirty.remove(id));
        draft.pages = pages.into_iter().collect();
        draft
    }

    /// A page as it is to be once so many of the first events are taken up: as it is now, but for what
    /// the others came of.
    fn text(&self, id: &PageId, taken: usize) -> Option<Vec<u8>> {
        let mut page = self.live.get(id).cloned().unwrap_or_default();
        for one in self.pending.iter().skip(taken).rev().filter(|one| one.page() == *id) {
            one.undo(&mut page);
        }
        (page != Page::default()).then(|| json(&page))
    }
}

fn json(page: &Page) -> Vec<u8> {
    serde_json::to_vec(page).expect("a page has numbers and texts for keys")
}

//! Whether everything on a page is where it can be seen, measured by the boxes of its elements: nothing off the
//! screen, nothing over its neighbour, no text out of what holds it.
//!
//! What a frame cuts or scrolls is within it; sticky cells lie over what is scrolled, as they should.
//! Not here: what axe-core knows (`accessibility`).

use super::browser::Browser;

const MEASURE: &str = "
    const width = document.documentElement.clientWidth;
    const found = [];
    const say = (what, element) => {
        const words = (element.textContent || element.value || '').trim().replace(/\\s+/g, ' ').slice(0, 40);
        found.push(`${what}: ${element.tagName.toLowerCase()}.${element.className} ${words}`);
    };
    const style = (element) => getComputedStyle(element);
    const isUnseen = (element) => element.closest('.unseen, .skip, .sprite, thead') !== null || !element.checkVisibility();
    const clips = (element) => style(element).overflowX !== 'visible';
    // What is left of a box when everything around has cut it.
    const seen = (box, element, end) => {
        let [left, right, top, bottom] = [box.left, box.right, box.top, box.bottom];
        for (let around = element; around && around !== end; around = around.parentElement) {
            if (!clips(around)) continue;
            const frame = around.getBoundingClientRect();
            [left, right] = [Math.max(left, frame.left), Math.min(right, frame.right)];
            [top, bottom] = [Math.max(top, frame.top), Math.min(bottom, frame.bottom)];
        }
        return { left, right, top, bottom };
    };
    const isEmpty = (box) => box.right - box.left < 1 || box.bottom - box.top < 1;

    // Off the screen.
    for (const element of document.querySelectorAll('body *')) {
        if (isUnseen(element)) continue;
        const box = seen(element.getBoundingClientRect(), element.parentElement);
        if (!isEmpty(box) && (box.right > width + 1 || box.left < -1)) say('off the screen', element);
    }
    // Out of its box.
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        const text = texts.currentNode;
        const within = text.parentElement;
        if (!text.data.trim() || ['SCRIPT', 'STYLE', 'OPTION', 'TEXTAREA'].includes(within.tagName) || isUnseen(within)) continue;
        let block = within;
        while (style(block).display.startsWith('inline') && block.parentElement) block = block.parentElement;
        const range = document.createRange();
        range.selectNodeContents(text);
        const frame = block.getBoundingClientRect();
        for (const rect of range.getClientRects()) {
            const box = seen(rect, within, block.parentElement);
            if (!isEmpty(box) && (box.right > frame.right + 1.5 || box.left < frame.left - 1.5)) { say('text out of its box', within); break; }
        }
    }
    // Over its neighbour.
    const isInFlow = (element) => ['static', 'relative'].includes(style(element).position) && !isUnseen(element);
    for (const parent of document.querySelectorAll('body, body *')) {
        if (parent.closest('svg, select') || parent.children.length < 2) continue;
        const children = [...parent.children].filter(isInFlow).slice(0, 150);
        const rects = children.map((child) => [...child.getClientRects()].map((rect) => seen(rect, child)).filter((box) => !isEmpty(box)));
        for (let a = 0; a < children.length; a++) {
            for (let b = a + 1; b < children.length; b++) {
                const over = rects[a].some((one) => rects[b].some((other) =>
                    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 1.5 &&
                    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 1.5));
                if (over) say('over its neighbour', children[b]);
            }
        }
    }
    return [...new Set(found)].slice(0, 12);";

/// What is not well placed on the page that is shown, one line each.
pub(crate) fn misplaced(browser: &Browser) -> Vec<String> {
    let found = browser.run(MEASURE, &[]);
    found.as_array().unwrap().iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

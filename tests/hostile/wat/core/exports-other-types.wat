;; contract: title: string, => title: list<u8>,
;; Takes the title for bytes, so that it would see text that is not UTF-8.
(func $misbehave)

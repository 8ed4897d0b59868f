;; Loops for ever.
(func $misbehave
  (loop $forever (br $forever)))

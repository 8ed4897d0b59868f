;; Never gets done with starting.
(func $start
  (loop $forever (br $forever)))
(start $start)
(func $misbehave)

kubectl label node pi3 sandbox.kbtool/lost=true

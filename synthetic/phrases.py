"""The words of the demo domain: what fills a slot, and the sentences that have slots.

Every entry says the same in English, Korean and Japanese, so that a sentence is its own
translation. Japanese is written in kana, with spaces between phrases that only the synthesizer
sees. In a Korean form `{slot|은}` takes the particle's form from the word in the slot.
"""

Aligned = tuple[str, str, str]

PEOPLE: tuple[Aligned, ...] = (
    ("Anna", "안나", "アンナ"),
    ("David", "데이비드", "デイビッド"),
    ("Maria", "마리아", "マリア"),
    ("Thomas", "토마스", "トーマス"),
    ("Emma", "엠마", "エマ"),
    ("Peter", "피터", "ピーター"),
    ("Susan", "수잔", "スーザン"),
    ("Kevin", "케빈", "ケビン"),
    ("Laura", "로라", "ローラ"),
    ("Martin", "마틴", "マーティン"),
    ("Helen", "헬렌", "ヘレン"),
    ("Robert", "로버트", "ロバート"),
    ("Mister Kim", "김 부장님", "キムさん"),
    ("Mister Park", "박 과장님", "パクさん"),
    ("Miss Lee", "이 대리님", "イさん"),
    ("Mister Tanaka", "다나카 씨", "たなかさん"),
    ("Miss Suzuki", "스즈키 씨", "すずきさん"),
    ("the lawyer", "변호사", "べんごし"),
    ("the director", "사장님", "しゃちょう"),
    ("my brother", "우리 형", "あに"),
    ("your sister", "당신 여동생", "あなたの いもうと"),
    ("the manager", "매니저", "マネージャー"),
    ("the driver", "운전기사", "うんてんしゅ"),
    ("the doctor", "의사", "いしゃ"),
)

PLACES: tuple[Aligned, ...] = (
    ("the bank", "은행", "ぎんこう"),
    ("the station", "역", "えき"),
    ("the office", "사무실", "じむしょ"),
    ("the hospital", "병원", "びょういん"),
    ("the airport", "공항", "くうこう"),
    ("the hotel", "호텔", "ホテル"),
    ("the warehouse", "창고", "そうこ"),
    ("the factory", "공장", "こうじょう"),
    ("the park", "공원", "こうえん"),
    ("the library", "도서관", "としょかん"),
    ("the harbor", "항구", "みなと"),
    ("the restaurant", "식당", "しょくどう"),
    ("the coffee shop", "커피숍", "きっさてん"),
    ("the parking lot", "주차장", "ちゅうしゃじょう"),
    ("the school", "학교", "がっこう"),
    ("the market", "시장", "いちば"),
    ("the police station", "경찰서", "けいさつしょ"),
    ("the court", "법원", "さいばんしょ"),
    ("Seoul", "서울", "ソウル"),
    ("Busan", "부산", "プサン"),
    ("Tokyo", "도쿄", "とうきょう"),
    ("Osaka", "오사카", "おおさか"),
    ("London", "런던", "ロンドン"),
    ("New York", "뉴욕", "ニューヨーク"),
)

THINGS: tuple[Aligned, ...] = (
    ("the contract", "계약서", "けいやくしょ"),
    ("the documents", "서류", "しょるい"),
    ("the key", "열쇠", "かぎ"),
    ("the money", "돈", "おかね"),
    ("the bag", "가방", "かばん"),
    ("the photo", "사진", "しゃしん"),
    ("the recording", "녹음", "ろくおん"),
    ("the receipt", "영수증", "りょうしゅうしょ"),
    ("the passport", "여권", "パスポート"),
    ("the letter", "편지", "てがみ"),
    ("the computer", "컴퓨터", "パソコン"),
    ("the report", "보고서", "ほうこくしょ"),
    ("the medicine", "약", "くすり"),
    ("the ticket", "표", "きっぷ"),
    ("the package", "소포", "こづつみ"),
    ("the password", "비밀번호", "あんしょうばんごう"),
    ("the camera", "카메라", "カメラ"),
    ("the car", "차", "くるま"),
    ("the map", "지도", "ちず"),
    ("the phone", "전화기", "でんわき"),
)

DAYS: tuple[Aligned, ...] = (
    ("today", "오늘", "きょう"),
    ("tomorrow", "내일", "あした"),
    ("on Monday", "월요일에", "げつようびに"),
    ("on Tuesday", "화요일에", "かようびに"),
    ("on Wednesday", "수요일에", "すいようびに"),
    ("on Thursday", "목요일에", "もくようびに"),
    ("on Friday", "금요일에", "きんようびに"),
    ("on Saturday", "토요일에", "どようびに"),
    ("on Sunday", "일요일에", "にちようびに"),
    ("this week", "이번 주에", "こんしゅう"),
    ("next week", "다음 주에", "らいしゅう"),
    ("next month", "다음 달에", "らいげつ"),
)

DAY_PARTS: tuple[Aligned, ...] = (
    ("in the morning", "오전", "ごぜん"),
    ("in the afternoon", "오후", "ごご"),
    ("in the evening", "저녁", "よる"),
)

# How a sentence may open. Most sentences open with nothing.
OPENINGS: tuple[Aligned, ...] = (
    ("Listen,", "들어 보세요,", "いいですか、"),
    ("Well,", "음,", "ええと、"),
    ("By the way,", "그런데,", "ところで、"),
    ("Honestly,", "솔직히,", "しょうじきに いうと、"),
    ("Of course,", "물론,", "もちろん、"),
    ("Sorry, but", "죄송하지만", "すみませんが、"),
    ("As I said,", "말했듯이,", "いったように、"),
    ("Then", "그러면", "それでは"),
)

TEMPLATES: dict[str, tuple[Aligned, ...]] = {
    "meeting": (
        (
            "we will meet {day} at {time} at {place}.",
            "{day} {time}에 {place}에서 만나요.",
            "{day} {time}に {place}で あいましょう。",
        ),
        (
            "the meeting with {person} starts at {time}.",
            "{person|과} 하는 회의는 {time}에 시작해요.",
            "{person}との かいぎは {time}に はじまります。",
        ),
        (
            "{person} will come to {place} {day}.",
            "{person|은} {day} {place}에 올 거예요.",
            "{person}は {day} {place}に きます。",
        ),
        (
            "I am waiting for {person} at {place}.",
            "저는 {place}에서 {person|을} 기다리고 있어요.",
            "わたしは {place}で {person}を まっています。",
        ),
        (
            "the meeting on {date} was moved to {time}.",
            "{date} 회의가 {time}로 바뀌었어요.",
            "{date}の かいぎは {time}に かわりました。",
        ),
        (
            "can you come to {place} at {time}?",
            "{time}에 {place}에 올 수 있어요?",
            "{time}に {place}に こられますか？",
        ),
        (
            "I have to see {person} on {date}.",
            "저는 {date}에 {person|을} 만나야 해요.",
            "わたしは {date}に {person}に あわなければ なりません。",
        ),
        (
            "it takes {count} minutes from {place} to {place2}.",
            "{place}에서 {place2}까지 {count} 분 걸려요.",
            "{place}から {place2}まで {minutes} かかります。",
        ),
    ),
    "money": (
        (
            "please send {amount} to {person} {day}.",
            "{day} {person}에게 {amount|을} 보내 주세요.",
            "{day} {person}に {amount}を おくってください。",
        ),
        (
            "{person} still owes me {amount}.",
            "{person|은} 아직 저에게 {amount|을} 빚지고 있어요.",
            "{person}は まだ わたしに {amount}を かりています。",
        ),
        (
            "the price of {thing} is {amount}.",
            "{thing} 값은 {amount|이에요}.",
            "{thing}の ねだんは {amount}です。",
        ),
        (
            "I paid {amount} on {date}.",
            "저는 {date}에 {amount|을} 냈어요.",
            "わたしは {date}に {amount}を はらいました。",
        ),
        (
            "we need {amount} before {date}.",
            "{date} 전에 {amount|이} 필요해요.",
            "{date}までに {amount}が ひつようです。",
        ),
        (
            "I will pay back {amount} {day}.",
            "{amount|은} {day} 갚을게요.",
            "{amount}は {day} かえします。",
        ),
        (
            "did you get {amount} from {person}?",
            "{person}에게서 {amount|을} 받았어요?",
            "{person}から {amount}を うけとりましたか？",
        ),
        (
            "the account number is {digits}.",
            "계좌 번호는 {digits}입니다.",
            "こうざばんごうは {digits}です。",
        ),
    ),
    "place": (
        (
            "{thing} is at {place}.",
            "{thing|은} {place}에 있어요.",
            "{thing}は {place}に あります。",
        ),
        (
            "{person} left {thing} at {place}.",
            "{person|이} {thing|을} {place}에 두고 갔어요.",
            "{person}が {thing}を {place}に わすれました。",
        ),
        (
            "where is {thing} from {person}?",
            "{person|이} 준 {thing|은} 어디 있어요?",
            "{person}の {thing}は どこですか？",
        ),
        (
            "I saw {person} near {place} {day}.",
            "{day} {place} 근처에서 {person|을} 봤어요.",
            "{day} {place}の ちかくで {person}を みました。",
        ),
        (
            "take {thing} and go to {place}.",
            "{thing|을} 가지고 {place|으로} 가세요.",
            "{thing}を もって {place}へ いってください。",
        ),
        (
            "{person} lives behind {place}.",
            "{person|은} {place} 뒤에 살아요.",
            "{person}は {place}の うしろに すんでいます。",
        ),
        (
            "the train to {place} leaves at {time}.",
            "{place} 가는 기차는 {time}에 떠나요.",
            "{place}いきの でんしゃは {time}に でます。",
        ),
    ),
    "number": (
        (
            "my phone number is {digits}.",
            "제 전화번호는 {digits}입니다.",
            "わたしの でんわばんごうは {digits}です。",
        ),
        (
            "the code for {thing} is {digits}.",
            "{thing} 번호는 {digits}입니다.",
            "{thing}の ばんごうは {digits}です。",
        ),
        (
            "there are {count} people at {place}.",
            "{place}에 사람이 {count} 명 있어요.",
            "{place}に ひとが {count}めい います。",
        ),
        (
            "{person} called me {count} times {day}.",
            "{person|이} {day} 저에게 {count} 번 전화했어요.",
            "{person}は {day} わたしに {count}かい でんわしました。",
        ),
        (
            "the room number is {digits}, and it is {date}.",
            "방 번호는 {digits}, 날짜는 {date}입니다.",
            "へやの ばんごうは {digits}、ひづけは {date}です。",
        ),
    ),
    "threat": (
        (
            "if you don't pay {amount}, I will tell {person} everything.",
            "{amount|을} 안 내면 {person}에게 다 말하겠어요.",
            "{amount}を はらわないと、{person}に すべて はなします。",
        ),
        (
            "if you call {person}, you will regret it.",
            "{person}에게 전화하면 후회할 거예요.",
            "{person}に でんわしたら、こうかいしますよ。",
        ),
        (
            "I know where {person} lives, so bring {thing} {day}.",
            "{person|이} 어디 사는지 아니까 {day} {thing|을} 가져오세요.",
            "{person}の いえを しっています、{day} {thing}を もってきなさい。",
        ),
        (
            "something bad will happen to {person} {day}.",
            "{day} {person}에게 나쁜 일이 생길 거예요.",
            "{day} {person}に わるいことが おきますよ。",
        ),
        (
            "I will send {thing} to the police on {date}.",
            "{date}에 {thing|을} 경찰에 보내겠어요.",
            "{date}に {thing}を けいさつに おくります。",
        ),
        (
            "don't go to {place}, or you will lose {thing}.",
            "{place}에 가면 {thing|을} 잃게 될 거예요.",
            "{place}に いったら、{thing}を うしないますよ。",
        ),
        (
            "this is my last warning about {thing} and {person}.",
            "{thing|과} {person}에 대한 마지막 경고예요.",
            "{thing}と {person}についての さいごの けいこくです。",
        ),
    ),
    "coercion": (
        (
            "you must sign {thing} before {date}.",
            "{date} 전에 {thing}에 반드시 서명해야 해요.",
            "{date}までに かならず {thing}に サインしなさい。",
        ),
        (
            "you have no choice, give {thing} to {person}.",
            "선택의 여지가 없어요, {thing|을} {person}에게 주세요.",
            "ほかに みちは ありません、{thing}を {person}に わたしなさい。",
        ),
        (
            "do what {person} says and bring {amount}.",
            "{person|이} 시키는 대로 하고 {amount|을} 가져오세요.",
            "{person}の いうとおりにして {amount}を もってきなさい。",
        ),
        (
            "don't tell anyone about {thing} at {place}.",
            "{place}에 있는 {thing|은} 아무에게도 말하지 마세요.",
            "{place}の {thing}のことは だれにも いわないで。",
        ),
    ),
    "manipulation": (
        (
            "if you were my friend, you would give me {amount} {day}.",
            "친구라면 {day} {amount|을} 줄 거예요.",
            "ともだちなら、{day} {amount}を くれるはずです。",
        ),
        (
            "it is your fault that {person} lost {thing}.",
            "{person|이} {thing|을} 잃어버린 건 당신 탓이에요.",
            "{person}が {thing}を なくしたのは あなたの せいです。",
        ),
        (
            "nobody but {person} believes you about {thing}.",
            "{thing}에 대해 {person} 말고는 아무도 당신을 안 믿어요.",
            "{thing}のことは {person}しか あなたを しんじません。",
        ),
        (
            "you never said that to {person}, you imagined it {day}.",
            "{person}에게 그런 말 한 적 없어요, {day} 착각한 거예요.",
            "{person}に そんなことは いっていません、{day} かんちがいしたのです。",
        ),
    ),
    "promise": (
        (
            "I promise to bring {thing} to {place} {day}.",
            "{day} {place|으로} {thing|을} 가져가겠다고 약속해요.",
            "{day} {place}に {thing}を もっていくと やくそくします。",
        ),
        (
            "I will call {person} at {time}.",
            "{time}에 {person}에게 전화할게요.",
            "{time}に {person}に でんわします。",
        ),
        (
            "{person} promised to return {thing} on {date}.",
            "{person|은} {date}에 {thing|을} 돌려준다고 약속했어요.",
            "{person}は {date}に {thing}を かえすと やくそくしました。",
        ),
        (
            "I will finish {thing} within {count} days.",
            "{count} 일 안에 {thing|을} 끝낼게요.",
            "{count}にち いないに {thing}を おわらせます。",
        ),
    ),
    "hedging": (
        (
            "maybe {person} has {thing}, but I am not sure.",
            "아마 {person|이} {thing|을} 가지고 있겠지만 확실하지 않아요.",
            "たぶん {person}が {thing}を もっていますが、はっきりしません。",
        ),
        (
            "I think {person} was at {place} around {time}.",
            "{person|은} {time}쯤 {place}에 있었던 것 같아요.",
            "{person}は {time}ごろ {place}に いたと おもいます。",
        ),
        (
            "it was probably {amount}, as far as I remember on {date}.",
            "제 기억으로는 {date}에 아마 {amount|이었던} 것 같아요.",
            "わたしの きおくでは {date}に たぶん {amount}でした。",
        ),
        (
            "I don't know if {person} will bring {thing}.",
            "{person|이} {thing|을} 가져올지 모르겠어요.",
            "{person}が {thing}を もってくるか わかりません。",
        ),
    ),
    "question": (
        (
            "when did {person} go to {place}?",
            "{person|은} 언제 {place}에 갔어요?",
            "{person}は いつ {place}に いきましたか？",
        ),
        (
            "who gave {thing} to {person}?",
            "누가 {person}에게 {thing|을} 줬어요?",
            "だれが {person}に {thing}を あげましたか？",
        ),
        (
            "why does {person} need {amount}?",
            "{person|은} 왜 {amount|이} 필요해요?",
            "{person}は なぜ {amount}が ひつようですか？",
        ),
        (
            "did you find {thing} at {place}?",
            "{place}에서 {thing|을} 찾았어요?",
            "{place}で {thing}を みつけましたか？",
        ),
        (
            "do you have time {day} at {time}?",
            "{day} {time}에 시간 있어요?",
            "{day} {time}に じかんが ありますか？",
        ),
    ),
    "talk": (
        (
            "{person} sent {thing} to {place} {day}.",
            "{person|이} {day} {thing|을} {place|으로} 보냈어요.",
            "{person}が {day} {thing}を {place}に おくりました。",
        ),
        (
            "I forgot {thing} at {place}, please tell {person}.",
            "{place}에 {thing|을} 두고 왔으니 {person}에게 전해 주세요.",
            "{place}に {thing}を わすれたので、{person}に つたえてください。",
        ),
        (
            "{person} is sick and cannot come {day}.",
            "{person|은} 아파서 {day} 못 와요.",
            "{person}は びょうきで {day} これません。",
        ),
        (
            "it will rain in {place} {day}.",
            "{day} {place}에 비가 올 거예요.",
            "{day} {place}で あめが ふります。",
        ),
        (
            "{person} and I worked until {time}.",
            "{person|과} 저는 {time}까지 일했어요.",
            "{person}と わたしは {time}まで はたらきました。",
        ),
        (
            "show me {thing} when you come to {place}.",
            "{place}에 오면 {thing|을} 보여 주세요.",
            "{place}に きたら {thing}を みせてください。",
        ),
        (
            "{thing} and {thing2} are ready.",
            "{thing|과} {thing2|이} 준비됐어요.",
            "{thing}と {thing2}の じゅんびが できました。",
        ),
        (
            "I did not take {thing}, ask {person}.",
            "저는 {thing|을} 안 가져갔어요, {person}에게 물어보세요.",
            "わたしは {thing}を とっていません、{person}に きいてください。",
        ),
    ),
}

# Said as they stand: greetings, answers, goodbyes.
FIXED: tuple[Aligned, ...] = (
    ("Hello, can you hear me?", "여보세요, 들리세요?", "もしもし、きこえますか？"),
    ("Hello, who is this?", "여보세요, 누구세요?", "もしもし、どなたですか？"),
    (
        "Good morning, how are you?",
        "안녕하세요, 잘 지내세요?",
        "おはようございます、おげんきですか？",
    ),
    ("Yes, that is right.", "네, 맞아요.", "はい、そうです。"),
    ("No, that is not true.", "아니요, 사실이 아니에요.", "いいえ、それは ちがいます。"),
    ("I understand, thank you.", "알겠습니다, 감사합니다.", "わかりました、ありがとうございます。"),
    ("Please wait a moment.", "잠깐만 기다려 주세요.", "すこし まってください。"),
    ("Please say that again.", "다시 한번 말해 주세요.", "もういちど いってください。"),
    ("I am very sorry.", "정말 죄송합니다.", "ほんとうに もうしわけありません。"),
    ("I don't know anything.", "저는 아무것도 몰라요.", "わたしは なにも しりません。"),
    (
        "This call is being recorded.",
        "이 통화는 녹음되고 있어요.",
        "この でんわは ろくおんされています。",
    ),
    ("Don't call me again.", "다시는 전화하지 마세요.", "もう でんわしないでください。"),
    ("Let's talk later.", "나중에 이야기해요.", "あとで はなしましょう。"),
    ("Goodbye, take care.", "안녕히 계세요, 조심하세요.", "さようなら、おきをつけて。"),
    ("What do you want?", "원하는 게 뭐예요?", "なにが ほしいのですか？"),
    ("Are you threatening me?", "지금 협박하는 거예요?", "わたしを おどしているのですか？"),
)
